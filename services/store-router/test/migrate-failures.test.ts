import { type DataCommit, type DataEntry, type KeyRange, type ScanOptions, StoaError } from '@stoa/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { migrationCursorKey, migrationStateKey, movedRanges } from '../src/keys-migration.ts';
import { abandonMigration, type MailStores, type MigrationProgress, migrate } from '../src/migration/index.ts';
import { MovableStore } from '../src/migration/movable-store.ts';
import { decodeMigrationState } from '../src/migration/state.ts';
import { MemoryBlobStore } from './support/memory-blob-store.ts';
import { MemoryDataStore } from './support/memory-data-store.ts';
import { append, newAccount, open, type TestRouter, testRouter } from './support/router.ts';
import { WrappedStore } from './support/wrapped-store.ts';

const memoryStores = (): MailStores => ({ data: new MemoryDataStore(), blobs: new MemoryBlobStore(Date.now) });

async function source(count: number): Promise<{ from: MailStores; router: TestRouter; account: string }> {
  const from = memoryStores();
  const router = testRouter({ data: await MovableStore.open(from.data, Date.now), blobs: from.blobs });
  const account = await newAccount(router);
  for (let i = 0; i < count; i++) await append(router, account, 'INBOX', `message ${i}`);
  return { from, router, account };
}

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

const plan = (from: MailStores, to: MailStores) => ({ from, to, target: 'elsewhere', now: Date.now });

/** Ends with `cancelled` as soon as a step is told of. */
const until = (step: MigrationProgress['step']) => ({
  progress(told: MigrationProgress) {
    if (told.step === step) throw new StoaError('cancelled', 'killed');
  },
});

/** Asks before each commit. */
class AskedStore extends WrappedStore {
  before: (commit: DataCommit) => Promise<void> = async () => {};

  override async commit(commit: DataCommit): Promise<void> {
    await this.before(commit);
    await super.commit(commit);
  }
}

const touches = ({ mutations }: DataCommit, key: Uint8Array) =>
  mutations.some((mutation) => mutation.type !== 'delete-range' && Buffer.compare(mutation.key, key) === 0);

describe('a migration that fails', () => {
  it('from a store that was never used says so, and leaves no mark', async () => {
    const from = memoryStores();
    const error = { code: 'failed-precondition', message: expect.stringContaining('is empty') };
    await expect(migrate(plan(from, memoryStores()))).rejects.toMatchObject(error);
    await MovableStore.open(from.data, Date.now);
  });

  it('leaves a half-filled store that no node serves until it has ended', async () => {
    const { from } = await source(20);
    const to = memoryStores();
    for (const step of ['blobs', 'rows', 'verifying'] as const) {
      await expect(migrate({ ...plan(from, to), ...until(step) })).rejects.toMatchObject({ code: 'cancelled' });
      await expect(MovableStore.open(to.data, Date.now)).rejects.toMatchObject({
        code: 'failed-precondition',
        message: expect.stringContaining('stoa store migrate'),
      });
    }
    await migrate(plan(from, to));
    await MovableStore.open(to.data, Date.now);
  });

  it('in its very last step goes to its end when it is run again', async () => {
    const { from, account } = await source(5);
    const to = memoryStores();
    const failing = new AskedStore(to.data);
    failing.before = async (commit) => {
      const last = commit.mutations[0];
      if (last?.type === 'delete' && touches(commit, migrationCursorKey)) throw new StoaError('unavailable', 'away');
    };
    await expect(migrate(plan(from, { ...to, data: failing }))).rejects.toMatchObject({ code: 'unavailable' });
    await expect(MovableStore.open(from.data, Date.now)).rejects.toMatchObject({ code: 'failed-precondition' });
    await expect(migrate(plan(from, memoryStores()))).rejects.toMatchObject({
      message: expect.stringContaining('moved to elsewhere'),
    });
    await migrate(plan(from, to));
    await MovableStore.open(to.data, Date.now);
    expect((await open(testRouter(to), account, 'INBOX')).snapshot.count).toBe(5);
    await expect(migrate(plan(from, to))).rejects.toMatchObject({ code: 'failed-precondition' });
  });

  it('mends what differs, were it only that a row without a value should not be there', async () => {
    const { from } = await source(5);
    const to = memoryStores();
    await expect(migrate({ ...plan(from, to), ...until('verifying') })).rejects.toMatchObject({ code: 'cancelled' });
    const [first, second] = (await rowsOf(to)).map((line) => Buffer.from(line.split(' ')[0] as string, 'hex'));
    const stray = Buffer.concat([first as Buffer, Buffer.of(0)]);
    await to.data.commit({
      conditions: [],
      mutations: [
        { type: 'put', key: stray, value: new Uint8Array() },
        { type: 'put', key: second as Buffer, value: Buffer.from('wrong') },
      ],
    });
    expect(await migrate(plan(from, to))).toMatchObject({ mended: 2 });
    expect(await rowsOf(to)).toEqual(await rowsOf(from));
  });

  it('gives back at once what it held, so that nobody waits', async () => {
    const { from, router, account } = await source(5);
    class Failing extends WrappedStore {
      override async *scan(range: KeyRange, options?: ScanOptions): AsyncGenerator<DataEntry[]> {
        const [row] = await this.inner.get([migrationStateKey]);
        if (row !== undefined && decodeMigrationState(row).phase === 'held') throw new StoaError('unavailable', 'away');
        yield* this.inner.scan(range, options);
      }
    }
    const to = memoryStores();
    const failing = { ...from, data: new Failing(from.data) };
    await expect(migrate(plan(failing, to))).rejects.toMatchObject({ code: 'unavailable' });
    const [row] = await from.data.get([migrationStateKey]);
    expect(decodeMigrationState(row as Uint8Array).phase).toBe('copying');
    await append(router, account, 'INBOX', 'meanwhile');
    await migrate(plan(from, to));
    expect((await open(testRouter(to), account, 'INBOX')).snapshot.count).toBe(6);
  });
});

describe('a migration that is still alive', () => {
  /** One that stands still before it writes the first rows. */
  async function standing(from: MailStores, to: MailStores) {
    const slow = new AskedStore(to.data);
    const reached = Promise.withResolvers<void>();
    const proceed = Promise.withResolvers<void>();
    slow.before = async ({ mutations }) => {
      if (mutations.length < 3) return;
      reached.resolve();
      await proceed.promise;
    };
    const ended = migrate(plan(from, { ...to, data: slow })).catch((error: unknown) => error);
    await reached.promise;
    return () => {
      proceed.resolve();
      return ended;
    };
  }

  it('writes nothing any more, however late, when another run goes on with it', async () => {
    const { from, router, account } = await source(5);
    const to = memoryStores();
    const proceed = await standing(from, to);
    await append(router, account, 'INBOX', 'meanwhile');
    await expect(migrate({ ...plan(from, to), ...until('verifying') })).rejects.toMatchObject({ code: 'cancelled' });
    expect(await proceed()).toMatchObject({
      code: 'failed-precondition',
      message: expect.stringContaining('another process'),
    });
    await migrate(plan(from, to));
    expect(await rowsOf(to)).toEqual(await rowsOf(from));
    expect((await open(testRouter(to), account, 'INBOX')).snapshot.count).toBe(6);
  });

  it('takes nothing from the next one when it was abandoned', async () => {
    const { from, router, account } = await source(5);
    const [first, to] = [memoryStores(), memoryStores()];
    const proceed = await standing(from, first);
    expect(await abandonMigration(from)).toBe(true);
    await expect(migrate({ ...plan(from, to), ...until('verifying') })).rejects.toMatchObject({ code: 'cancelled' });
    await append(router, account, 'INBOX', 'meanwhile');
    expect(await proceed()).toMatchObject({ code: 'cancelled', message: expect.stringContaining('abandoned') });
    await migrate(plan(from, to));
    expect(await rowsOf(to)).toEqual(await rowsOf(from));
    expect((await open(testRouter(to), account, 'INBOX')).snapshot.count).toBe(6);
  });
});
