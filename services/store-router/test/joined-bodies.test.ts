import type { storage } from '@stoa/contracts';
import { type DataCommit, MAX_COMMIT_BYTES, StoaError } from '@stoa/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { blobKey } from '../src/body/blob-key.ts';
import { collected } from './support/collected.ts';
import { inlineBlobs } from './support/embedded.ts';
import { MemoryBlobStore } from './support/memory-blob-store.ts';
import { MemoryDataStore } from './support/memory-data-store.ts';
import { testQueue } from './support/queue.ts';
import { append, call, deliverTo, deliveryOf, newAccount, open, sha256, testRouter } from './support/router.ts';
import { WrappedStore } from './support/wrapped-store.ts';

/** Counts what commits hold, and fails them as the script says. */
class WatchedStore extends WrappedStore {
  script: ('before' | 'after')[] = [];
  largest = 0;
  last: DataCommit = { conditions: [], mutations: [] };

  override async commit(commit: DataCommit): Promise<void> {
    const bytes = commit.mutations.reduce(
      (sum, mutation) => sum + (mutation.type === 'put' ? mutation.key.length + mutation.value.length : 0),
      0,
    );
    this.largest = Math.max(this.largest, bytes);
    this.last = commit;
    const step = this.script.shift();
    if (step === 'before') throw new StoaError('unavailable', 'down');
    await super.commit(commit);
    if (step === 'after') throw new StoaError('unavailable', 'down');
  }
}

/** A router whose blob store keeps bodies of up to 64 KiB inside its data store. */
async function setUp() {
  const data = new WatchedStore(new MemoryDataStore());
  const outer = new MemoryBlobStore(Date.now);
  const blobs = await inlineBlobs(data, outer);
  const { queue } = testQueue({ store: data, clock: { now: Date.now() } });
  const router = testRouter({ data, blobs, queue, delay: async () => {} });
  const accountId = await newAccount(router);
  await deliverTo(router, accountId, 'warm');
  data.commits = data.gets = data.scans = 0;
  const content = async (body: string) => Buffer.concat(await collected(blobs.get(blobKey(sha256(body))))).toString();
  return { data, outer, blobs, router, accountId, content };
}

describe('a small body', () => {
  it('is stored by the commit of its delivery: one commit, no read, no call of the store outside', async () => {
    const { data, outer, router, accountId, content } = await setUp();
    await deliverTo(router, accountId, 'body', { key: 'k' });
    expect([data.commits, data.gets, data.scans]).toEqual([1, 0, 0]);
    // Account, mailbox, its newest chunk, message, link, idempotency key, and the two rows of the body; account, key and mark.
    expect([data.last.mutations.length, data.last.conditions.length]).toEqual([8, 3]);
    await append(router, accountId, 'INBOX', 'appended');
    expect([data.commits, data.gets, data.scans]).toEqual([2, 0, 0]);
    expect(outer.blobs.size).toBe(0);
    expect([await content('body'), await content('appended')]).toEqual(['body', 'appended']);
  });

  it('is stored by the commit that queues it for recipients outside', async () => {
    const { data, router, content } = await setUp();
    const recipients = [{ address: 'x@elsewhere.test' }, { address: 'y@nowhere.test' }];
    const { queueId } = await router.mail.deliver(deliveryOf(recipients, 'outbound'), call());
    expect(queueId).not.toBe('');
    expect(data.commits).toBe(1);
    expect(await content('outbound')).toBe('outbound');
  });

  it('is stored once, before the commits, where several link it', async () => {
    const { data, router, accountId, content } = await setUp();
    const recipients = [{ accountId }, { accountId: await newAccount(router) }, { address: 'x@elsewhere.test' }];
    data.commits = 0;
    const { results } = (await router.mail.deliver(
      deliveryOf(recipients, 'shared'),
      call(),
    )) as storage.DeliverResponse;
    expect(results.map(({ errorCode }) => errorCode)).toEqual(['', '', '']);
    expect(data.commits).toBe(4);
    expect(await content('shared')).toBe('shared');
  });

  it('is there for each of two deliveries of the same body at the same time', async () => {
    const { router, accountId, content } = await setUp();
    const uids = await Promise.all(Array.from({ length: 20 }, () => deliverTo(router, accountId, 'same')));
    expect(new Set(uids.map(({ uid }) => uid)).size).toBe(20);
    expect(await content('same')).toBe('same');
  });

  it.each([[['before', 'after']], [['after']], [['before', 'before', 'after']]] as const)(
    'lands once, with its content, through %j',
    async (script) => {
      const { data, blobs, router, accountId, content } = await setUp();
      data.script = [...script];
      expect((await deliverTo(router, accountId, 'body')).uid).toBe(2);
      expect((await open(router, accountId, 'INBOX')).snapshot.count).toBe(2);
      expect(await content('body')).toBe('body');
      expect((await collected(blobs.list())).flat()).toHaveLength(2);
    },
  );

  it('is not stored where its delivery is refused', async () => {
    const { blobs, router, accountId } = await setUp();
    await router.accounts.setQuota(accountId, 5);
    await expect(deliverTo(router, accountId, 'too much')).rejects.toMatchObject({ code: 'over-quota' });
    expect(await blobs.head(blobKey(sha256('too much')))).toBeUndefined();
  });
});

describe('bodies near the threshold', () => {
  it('go outside when they are larger, without a row of theirs in the data store', async () => {
    const { outer, router, accountId, content } = await setUp();
    const [inside, outside] = ['i'.repeat(65_536), 'o'.repeat(65_537)];
    await deliverTo(router, accountId, inside);
    await deliverTo(router, accountId, outside);
    expect([...outer.blobs.keys()]).toEqual([blobKey(sha256(outside))]);
    expect([await content(inside), await content(outside)]).toEqual([inside, outside]);
  });

  it('that arrive together fill several commits, none beyond what a commit may have', async () => {
    const { data, router, accountId } = await setUp();
    const blobs = await inlineBlobs(data, new MemoryBlobStore(Date.now), '1 MiB');
    const wide = testRouter({ data, blobs, memoryBytes: 2 << 20 });
    const bodies = Array.from({ length: 40 }, (_, i) => `${i} ${'x'.repeat(1_040_000)}`);
    await Promise.all(bodies.map((body) => deliverTo(wide, accountId, body)));
    expect(data.commits).toBeGreaterThanOrEqual(3);
    expect(data.commits).toBeLessThan(20);
    expect(data.largest).toBeGreaterThan(8 << 20);
    expect(data.largest).toBeLessThanOrEqual(MAX_COMMIT_BYTES);
    expect((await open(router, accountId, 'INBOX')).snapshot.count).toBe(41);
    const sizes = (await collected(blobs.list())).flat().map(({ size }) => size);
    expect(sizes.filter((size) => size > 1_000_000)).toHaveLength(40);
  });
});
