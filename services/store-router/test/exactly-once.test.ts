import type { DataCommit } from '@stoa/plugin-sdk';
import { StoaError } from '@stoa/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { MemoryBlobStore } from './support/memory-blob-store.ts';
import { MemoryDataStore } from './support/memory-data-store.ts';
import { append, deliverTo, errorCode, newAccount, open, testRouter } from './support/router.ts';
import { WrappedStore } from './support/wrapped-store.ts';

/** Fails each of the next commits as the script says. */
class ScriptedStore extends WrappedStore {
  script: ('fail-before' | 'fail-after' | 'ok')[] = [];
  getsFail = false;

  override async get(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    if (this.getsFail) throw new StoaError('unavailable', 'down');
    return super.get(keys);
  }

  override scan(...parameters: Parameters<WrappedStore['scan']>): ReturnType<WrappedStore['scan']> {
    if (this.getsFail) throw new StoaError('unavailable', 'down');
    return super.scan(...parameters);
  }

  override async commit(commit: DataCommit): Promise<void> {
    const step = this.script.shift() ?? 'ok';
    if (step === 'fail-before') throw new StoaError('unavailable', 'down');
    await super.commit(commit);
    if (step === 'fail-after') throw new StoaError('unavailable', 'down');
  }
}

async function setUp() {
  const data = new MemoryDataStore();
  const blobs = new MemoryBlobStore(Date.now);
  const stores = [new ScriptedStore(data), new ScriptedStore(data)];
  const routers = stores.map((store) => testRouter({ data: store, blobs, delay: async () => {} }));
  const accountId = await newAccount(routers[0]!);
  return { stores, routers, accountId };
}

describe('a delivery with an idempotency key', () => {
  it('lands once when it is repeated, on any router, and tells the same UID', async () => {
    const { routers, accountId } = await setUp();
    const first = await deliverTo(routers[0]!, accountId, 'body', { key: 'k' });
    await deliverTo(routers[0]!, accountId, 'other', { key: 'l' });
    for (const router of routers) expect(await deliverTo(router, accountId, 'body', { key: 'k' })).toEqual(first);
    expect((await open(routers[1]!, accountId, 'INBOX')).snapshot.count).toBe(2);
  });

  it('lands once when it is repeated at the same time', async () => {
    const { routers, accountId } = await setUp();
    const attempts = Array.from({ length: 20 }, (_, i) => deliverTo(routers[i % 2]!, accountId, 'body', { key: 'k' }));
    const results = await Promise.all(attempts);
    expect(new Set(results.map(({ uid }) => uid))).toEqual(new Set([1]));
    expect((await open(routers[0]!, accountId, 'INBOX')).snapshot.count).toBe(1);
  });

  it('lands once when the router cannot learn what became of the commit', async () => {
    const { stores, routers, accountId } = await setUp();
    await deliverTo(routers[0]!, accountId, 'warm');
    stores[0]!.script = ['fail-after'];
    stores[0]!.getsFail = true;
    await expect(deliverTo(routers[0]!, accountId, 'body', { key: 'k' })).rejects.toMatchObject({
      code: 'unavailable',
    });
    expect((await deliverTo(routers[1]!, accountId, 'body', { key: 'k' })).uid).toBe(2);
    expect((await open(routers[1]!, accountId, 'INBOX')).snapshot.count).toBe(2);
  });

  it('tells its success again even when the account is full or the mailbox is gone now', async () => {
    const { routers, accountId } = await setUp();
    await append(routers[0]!, accountId, 'INBOX', 'x', { idempotencyKey: 'k' });
    await routers[0]!.accounts.setQuota(accountId, 1);
    expect((await append(routers[0]!, accountId, 'INBOX', 'x', { idempotencyKey: 'k' })).uid).toBe(1);
    await expect(append(routers[0]!, accountId, 'INBOX', 'x', { idempotencyKey: 'l' })).rejects.toMatchObject({
      code: 'over-quota',
    });
  });
});

describe('without an idempotency key', () => {
  it.each([[['fail-after']], [['fail-before', 'fail-before', 'fail-after']], [['fail-before', 'fail-after']]] as const)(
    'one call lands once through %j',
    async (script) => {
      const { stores, routers, accountId } = await setUp();
      stores[0]!.script = [...script];
      expect((await deliverTo(routers[0]!, accountId, 'body')).uid).toBe(1);
      expect((await open(routers[1]!, accountId, 'INBOX')).snapshot.count).toBe(1);
    },
  );
});

describe('operations in one commit', () => {
  it('fail alone: the quota is met exactly, and what does not fit leaves no trace', async () => {
    const { routers, accountId } = await setUp();
    await routers[0]!.accounts.setQuota(accountId, 100);
    const sizes = Array.from({ length: 40 }, (_, i) => 1 + ((i * 7) % 13));
    const results = await Promise.all(
      sizes.map((size, i) =>
        deliverTo(routers[i % 2]!, accountId, 'x'.repeat(size)).then(
          () => size,
          (error: unknown) => {
            expect(errorCode(error)).toBe('over-quota');
            return 0;
          },
        ),
      ),
    );
    const delivered = results.reduce((sum, size) => sum + size, 0);
    const usage = await routers[0]!.accounts.usage(accountId);
    expect(usage).toMatchObject({ usedBytes: delivered, messages: results.filter((size) => size > 0).length });
    expect(delivered).toBeLessThanOrEqual(100);
    await deliverTo(routers[0]!, accountId, 'y'.repeat(100 - delivered));
    await expect(deliverTo(routers[0]!, accountId, 'z')).rejects.toMatchObject({ code: 'over-quota' });
    const { state } = await open(routers[1]!, accountId, 'INBOX');
    expect(state.size).toBe(100);
  });

  it('are committed although one of them has a condition that never holds', async () => {
    const { routers, accountId } = await setUp();
    const { accounts } = routers[0]!;
    const hopeless = accounts.write(accountId, async (transaction) => {
      transaction.require(Buffer.from('Kabsent'), Buffer.from('value'));
      transaction.updateState({ quotaBytes: 7 });
    });
    const others = Array.from({ length: 5 }, (_, i) => deliverTo(routers[0]!, accountId, `m${i}`));
    await expect(hopeless).rejects.toMatchObject({ code: 'conflict' });
    await Promise.all(others);
    expect(await accounts.usage(accountId)).toMatchObject({ quotaBytes: 0, messages: 5 });
  });

  it('are gathered while a commit is under way, and cost no read when the account is warm', async () => {
    const { stores, routers, accountId } = await setUp();
    await deliverTo(routers[0]!, accountId, 'warm');
    const store = stores[0]!;
    store.gets = store.scans = store.commits = 0;
    await deliverTo(routers[0]!, accountId, 'one', { key: 'k1' });
    expect([store.gets, store.scans, store.commits]).toEqual([0, 0, 1]);
    await Promise.all(
      Array.from({ length: 50 }, (_, i) => deliverTo(routers[0]!, accountId, `m${i}`, { key: `m${i}` })),
    );
    expect([store.gets, store.scans]).toEqual([0, 0]);
    expect(store.commits).toBeLessThan(10);
    const { snapshot } = await open(routers[0]!, accountId, 'INBOX');
    expect(snapshot.count).toBe(52);
    const modseqs = snapshot.chunks.flatMap((chunk) => [...chunk.modseqs]);
    expect(modseqs).toEqual([...modseqs].sort((a, b) => a - b));
    expect(new Set(modseqs).size).toBe(52);
  });
});
