import { storage } from '@stoa/contracts';
import { FLAG } from '@stoa/mail';
import { describe, expect, it } from 'vitest';
import { MemoryBlobStore } from './support/memory-blob-store.ts';
import { MemoryDataStore } from './support/memory-data-store.ts';
import { call, deliverTo, newAccount, testRouter } from './support/router.ts';
import { WrappedStore } from './support/wrapped-store.ts';

const { MODE_ADD } = storage.StoreFlagsRequest_Mode;

async function setUp() {
  const data = new WrappedStore(new MemoryDataStore());
  const router = testRouter({ data, blobs: new MemoryBlobStore(Date.now) });
  const accountId = await newAccount(router);
  const { mailboxId } = await deliverTo(router, accountId, 'one');
  const { modseq } = router.events.flatMap((event) => (event.$case === 'mailboxChanged' ? [event.value] : [])).at(-1)!;
  const mark = (flags: number, knownModseq: number) =>
    router.mail.storeFlags(
      {
        accountId,
        mailboxId,
        uids: { bounds: [1, 1] },
        mode: MODE_ADD,
        flags,
        keywords: [],
        unchangedSince: undefined,
        knownModseq,
      },
      call(),
    );
  const counted = () => {
    const counts = [data.commits, data.gets, data.scans];
    data.commits = data.gets = data.scans = 0;
    return counts;
  };
  counted();
  return { router, accountId, mailboxId, modseq, mark, counted };
}

describe('a change of an account that was used before', () => {
  it('of flags is one commit and no read, its answer included', async () => {
    const { mark, modseq, counted } = await setUp();
    const { delta } = await mark(FLAG.seen, modseq);
    expect(counted()).toEqual([1, 0, 0]);
    expect(delta?.state?.highestModseq).toBeGreaterThan(modseq);
    expect(delta?.chunks).toHaveLength(1);
  });

  it('that removes messages reads only their records, and what vanished', async () => {
    const { router, accountId, mailboxId, mark, modseq, counted } = await setUp();
    const { delta } = await mark(FLAG.deleted, modseq);
    counted();
    const knownModseq = delta?.state?.highestModseq as number;
    const removed = await router.mail.expungeMessages({ accountId, mailboxId, uids: undefined, knownModseq }, call());
    expect(removed.delta?.vanished?.bounds).toEqual([1, 1]);
    expect(counted()).toEqual([1, 1, 1]);
  });

  it('is told after its answer was made, once for each', async () => {
    const { router, mark, modseq } = await setUp();
    const { accounts, events } = router;
    const before = events.length;
    const seen: number[] = [];
    const { readingKnown } = accounts;
    accounts.readingKnown = (id, work) => {
      seen.push(events.length - before);
      return readingKnown.call(accounts, id, work) as never;
    };
    const { delta } = await mark(FLAG.seen, modseq);
    expect(seen).toEqual([0]);
    expect(events.slice(before)).toMatchObject([{ value: { modseq: delta?.state?.highestModseq } }]);
  });
});
