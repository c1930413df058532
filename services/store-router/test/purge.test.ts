import { describe, expect, it } from 'vitest';
import { IDEMPOTENCY_MS, purgeAccounts } from '../src/account/purge-accounts.ts';
import { collectBlobs } from '../src/body/collect-blobs.ts';
import { TABLE } from '../src/keys.ts';
import { MemoryBlobStore } from './support/memory-blob-store.ts';
import { MemoryDataStore } from './support/memory-data-store.ts';
import { append, call, deliverTo, newAccount, open, sync, testRouter } from './support/router.ts';

const DAY = 24 * 3_600_000;

function setUp() {
  let time = 1_700_000_000_000;
  const now = () => time;
  const data = new MemoryDataStore();
  const blobs = new MemoryBlobStore(now);
  const router = testRouter({ data, blobs, now });
  const removed: object[] = [];
  const search = { remove: async (scope: object) => void removed.push(scope) };
  const purge = async (changeLogMs = DAY) => {
    let last = { examined: 0, removedKeys: 0 };
    for await (const progress of purgeAccounts({ accounts: router.accounts, search }, { changeLogMs, now }))
      last = progress;
    return last;
  };
  const pass = (ms: number) => {
    time += ms;
  };
  return { data, blobs, router, purge, pass, removed, now };
}

describe('purgeAccounts', () => {
  it('removes every row of a deleted mailbox and of a deleted account, and then their bodies are garbage', async () => {
    const { data, blobs, router, purge, pass, removed, now } = setUp();
    const kept = await newAccount(router, 0, '0000000000000001');
    const gone = await newAccount(router, 0, '0000000000000002');
    const before = data.size;
    for (let i = 0; i < 300; i++) await append(router, kept, 'Junk', `junk ${i}`);
    const { mailboxId } = (await open(router, kept, 'Junk')).state;
    await router.mail.deleteMailbox({ accountId: kept, name: 'Junk' }, call());
    for (let i = 0; i < 300; i++) await deliverTo(router, gone, `mail ${i}`, { key: `${i}` });
    await data.commit(router.accounts.deletion(gone));
    await expect(deliverTo(router, gone, 'late')).rejects.toMatchObject({ code: 'not-found' });
    const creation = router.accounts.creation(gone, { quotaBytes: 0 });
    await expect(data.commit(creation)).rejects.toMatchObject({ code: 'conflict' });

    expect(await purge()).toMatchObject({ examined: 2 });
    expect(removed).toEqual([{ accountId: kept, mailboxId }, { accountId: gone }]);
    expect(data.entries().some(([key]) => key[0] === TABLE.blobLink)).toBe(false);
    // One of two accounts is left, without the two rows of a mailbox.
    expect(data.size).toBe(before / 2 - 2);
    pass(DAY);
    for await (const _ of collectBlobs({ data, blobs }, { graceMs: 3_600_000, now }));
    pass(DAY);
    for await (const _ of collectBlobs({ data, blobs }, { graceMs: 3_600_000, now }));
    expect(blobs.blobs.size).toBe(0);
  });

  it('trims the change log, after which an older session opens anew', async () => {
    const { router, purge, pass, data } = setUp();
    const accountId = await newAccount(router);
    for (let i = 0; i < 3; i++) await append(router, accountId, 'INBOX', `${i}`, { flags: 8 });
    const old = await open(router, accountId, 'INBOX');
    const { mailboxId } = old.state;
    const expunge = (uid: number) =>
      router.mail.expungeMessages({ accountId, mailboxId, uids: { bounds: [uid, uid] }, knownModseq: 0 }, call());
    await expunge(1);
    const middle = await open(router, accountId, 'INBOX');
    pass(2 * DAY);
    await expunge(2);
    const rows = data.size;
    expect(await purge()).toMatchObject({ removedKeys: 1 });
    expect(data.size).toBe(rows - 1);
    await expect(sync(router, accountId, old)).rejects.toMatchObject({ message: 'reopen' });
    const { delta } = await router.mail.expungeMessages(
      { accountId, mailboxId, uids: { bounds: [9, 9] }, knownModseq: old.state.highestModseq },
      call(),
    );
    expect(delta?.reopen).toBe(true);
    expect((await sync(router, accountId, middle)).snapshot.allUids()).toEqual([3, 3]);
    expect((await purge()).removedKeys).toBe(0);
  });

  it('forgets idempotency keys after a day', async () => {
    const { router, purge, pass } = setUp();
    const accountId = await newAccount(router);
    await deliverTo(router, accountId, 'x', { key: 'k' });
    pass(IDEMPOTENCY_MS - 1);
    await purge();
    expect((await deliverTo(router, accountId, 'x', { key: 'k' })).uid).toBe(1);
    pass(2);
    await purge();
    expect((await deliverTo(router, accountId, 'x', { key: 'k' })).uid).toBe(2);
  });

  it('stops when its lease is lost', async () => {
    const { data, router, pass, now } = setUp();
    const accountId = await newAccount(router);
    await deliverTo(router, accountId, 'x', { key: 'k' });
    pass(2 * IDEMPOTENCY_MS);
    const fence = async () => [{ key: Buffer.from('Klease'), equals: Buffer.from('mine') }];
    const run = async () => {
      const search = { remove: async () => {} };
      for await (const _ of purgeAccounts({ accounts: router.accounts, search }, { changeLogMs: 1, now, fence }));
    };
    const rows = data.size;
    await expect(run()).rejects.toMatchObject({ code: 'conflict' });
    expect(data.size).toBe(rows);
  });
});
