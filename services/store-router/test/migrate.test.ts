import { StoaError } from '@stoa/plugin-sdk';
import { afterEach, describe, expect, it } from 'vitest';
import { migrationCursorKey, migrationStateKey, movedRanges } from '../src/keys-migration.ts';
import { abandonMigration, type MailStores, migrate } from '../src/migration/index.ts';
import { MovableStore } from '../src/migration/movable-store.ts';
import { decodeMigrationState, encodeMigrationState } from '../src/migration/state.ts';
import { embeddedStores } from './support/embedded.ts';
import { MemoryBlobStore } from './support/memory-blob-store.ts';
import { MemoryDataStore } from './support/memory-data-store.ts';
import { append, deliverTo, newAccount, open, sha256, type TestRouter, testRouter } from './support/router.ts';

const memoryStores = (): MailStores => ({ data: new MemoryDataStore(), blobs: new MemoryBlobStore(Date.now) });

/** Every row that belongs to the mail, in hexadecimal. */
async function rowsOf({ data }: MailStores): Promise<string[]> {
  const rows: string[] = [];
  for (const range of movedRanges()) {
    for await (const batch of data.scan(range)) {
      for (const { key, value } of batch) {
        rows.push(`${Buffer.from(key).toString('hex')} ${Buffer.from(value).toString('hex')}`);
      }
    }
  }
  return rows;
}

async function blobsOf({ blobs }: MailStores): Promise<string[]> {
  const found: string[] = [];
  for await (const batch of blobs.list()) for (const { key, size } of batch) found.push(`${key} ${size}`);
  return found;
}

describe('a migration', () => {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  async function source(count: number): Promise<{ from: MailStores; router: TestRouter; account: string }> {
    const from = await embeddedStores();
    closing.push(() => from.close());
    const data = await MovableStore.open(from.data, Date.now);
    const router = testRouter({ data, blobs: from.blobs });
    const account = await newAccount(router);
    for (let i = 0; i < count; i++) await append(router, account, 'INBOX', `message ${i}`);
    return { from, router, account };
  }

  /** Delivers until it is told to stop; returns the bodies that were acknowledged. */
  function load(router: TestRouter, account: string): { stop(): Promise<string[]> } {
    const acknowledged: string[] = [];
    let running = true;
    const work = Array.from({ length: 4 }, async (_, worker) => {
      for (let i = 0; running; i++) {
        const body = `load ${worker} ${i}`;
        try {
          await deliverTo(router, account, body);
          acknowledged.push(body);
        } catch (error) {
          expect(error).toMatchObject({ retryable: true });
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    const stop = async () => {
      running = false;
      await Promise.all(work);
      return acknowledged;
    };
    return { stop };
  }

  /** What was acknowledged is in the store that the data were moved to. */
  async function expectThere(to: MailStores, account: string, bodies: readonly string[], before: number) {
    const { snapshot } = await open(testRouter(to), account, 'INBOX');
    expect(snapshot.count).toBeGreaterThanOrEqual(before + bodies.length);
    const blobs = new Set((await blobsOf(to)).map((line) => line.split(' ')[0]?.split('/').at(-1)));
    expect(bodies.filter((body) => !blobs.has(sha256(body).toString('hex')))).toEqual([]);
  }

  it('moves all while mail comes, and leaves a store that says where it went', async () => {
    const { from, router, account } = await source(300);
    const to = memoryStores();
    const mail = load(router, account);
    const steps = new Set<string>();
    const result = await migrate({
      from,
      to,
      target: 'elsewhere',
      now: Date.now,
      progress: ({ step }) => steps.add(step),
    });
    const acknowledged = await mail.stop();
    expect([...steps]).toEqual(['blobs', 'counting', 'rows', 'verifying', 'switching', 'moved']);
    expect(result).toMatchObject({ blobs: expect.any(Number), mended: 0 });
    expect(await rowsOf(to)).toEqual(await rowsOf(from));
    await expectThere(to, account, acknowledged, 300);
    expect(await to.data.get([migrationStateKey, migrationCursorKey])).toEqual([undefined, undefined]);
    await expect(append(router, account, 'INBOX', 'late')).rejects.toMatchObject({ code: 'unavailable' });
    await expect(MovableStore.open(from.data, Date.now)).rejects.toMatchObject({
      code: 'failed-precondition',
      message: expect.stringContaining('moved to elsewhere'),
    });
    await expect(migrate({ from, to, target: 'x', now: Date.now })).rejects.toMatchObject({
      code: 'failed-precondition',
    });
  });

  it('goes on where it was interrupted, wherever that was', async () => {
    const { from, router, account } = await source(120);
    const to = memoryStores();
    const mail = load(router, account);
    let interruptions = 0;
    for (let patience = 1; ; patience *= 2) {
      const control = new AbortController();
      let seen = 0;
      const progress = () => {
        seen += 1;
        if (seen === patience) control.abort(new StoaError('cancelled', 'killed'));
      };
      try {
        await migrate({ from, to, target: 'elsewhere', now: Date.now, signal: control.signal, progress });
        break;
      } catch (error) {
        expect(error).toMatchObject({ code: 'cancelled' });
        interruptions += 1;
      }
    }
    const acknowledged = await mail.stop();
    expect(interruptions).toBeGreaterThan(2);
    expect(await rowsOf(to)).toEqual(await rowsOf(from));
    await expectThere(to, account, acknowledged, 120);
  });

  it('that dies while it holds commits back is taken back by whoever wants to commit', async () => {
    const { from, router, account } = await source(3);
    const held = { id: 'x', phase: 'held', at: Date.now(), heldUntil: Date.now() + 200, target: 'elsewhere' } as const;
    await from.data.commit({
      conditions: [],
      mutations: [{ type: 'put', key: migrationStateKey, value: encodeMigrationState(held) }],
    });
    // The router tries for a while on its own; whoever calls tries again.
    await expect
      .poll(
        () =>
          append(router, account, 'INBOX', 'after').then(
            () => 'stored',
            (error: unknown) => (error as StoaError).code,
          ),
        { timeout: 10_000 },
      )
      .toBe('stored');
    const [row] = await from.data.get([migrationStateKey]);
    expect(decodeMigrationState(row as Uint8Array).phase).toBe('copying');
  });

  it('refuses a target that holds other data', async () => {
    const { from } = await source(1);
    const other = await source(1);
    await expect(migrate({ from, to: other.from, target: 'x', now: Date.now })).rejects.toMatchObject({
      code: 'failed-precondition',
      message: expect.stringContaining('not empty'),
    });
    expect(await from.data.get([migrationStateKey])).toEqual([undefined]);
  });

  it('stops at a blob that is not what its name says', async () => {
    const { from } = await source(2);
    const key = `ab/cd/abcd${'0'.repeat(60)}`;
    await from.blobs.put(key, [Buffer.from('something else')], { size: 14 });
    const to = memoryStores();
    await expect(migrate({ from, to, target: 'x', now: Date.now })).rejects.toMatchObject({ code: 'data-loss' });
    expect(await to.blobs.head(key)).toBeUndefined();
  });

  it('can be forgotten before its end', async () => {
    const { from, router, account } = await source(5);
    const control = new AbortController();
    const progress = () => control.abort(new StoaError('cancelled', 'enough'));
    const options = { from, target: 'x', now: Date.now, signal: control.signal, progress };
    await expect(migrate({ ...options, to: memoryStores() })).rejects.toMatchObject({ code: 'cancelled' });
    expect(await abandonMigration(from)).toBe(true);
    expect(await abandonMigration(from)).toBe(false);
    await append(router, account, 'INBOX', 'goes on');
    expect((await open(router, account, 'INBOX')).snapshot.count).toBe(6);
  });
});
