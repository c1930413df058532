import type { DataEntry, DataStore } from '@stoa/plugin-sdk';
import { type PostgresServer, startPostgres } from '@stoa/test-servers';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { configSchema } from './config.ts';
import factory from './index.ts';

// What the driver does inside the server, seen from there.

const context = {
  logger: { debug() {}, info() {}, warn() {}, error() {} },
  nodeId: 'test',
  dataDirectory: '/nonexistent',
};
let server: PostgresServer;
let schema: string;
let schemas = 0;

beforeAll(async () => {
  server = await startPostgres({ settings: ["shared_preload_libraries = 'pg_stat_statements'"] });
}, 60_000);
afterAll(() => server?.stop(), 30_000);
beforeEach(() => {
  schemas += 1;
  schema = `inside${schemas}`;
});

const open = (settings: object = {}): Promise<DataStore> =>
  factory.create(configSchema.parse({ url: server.url, schema, ...settings }), context);
const bytes = (text: string) => Buffer.from(text);
const put = (key: string, value: string) => ({ type: 'put' as const, key: bytes(key), value: bytes(value) });
const range = { start: bytes('a'), end: bytes('z') };

async function collect(batches: AsyncIterable<DataEntry[]>): Promise<DataEntry[]> {
  const all: DataEntry[] = [];
  for await (const batch of batches) all.push(...batch);
  return all;
}

async function fill(store: DataStore, count: number): Promise<void> {
  for (let at = 0; at < count; at += 5000) {
    const mutations = Array.from({ length: Math.min(5000, count - at) }, (_, index) =>
      put(`k${String(at + index).padStart(7, '0')}`, 'v'),
    );
    await store.commit({ conditions: [], mutations });
  }
}

describe('round trips', () => {
  it('are one for a commit, a get, and a scan of up to a thousand entries', async () => {
    const store = await open();
    await fill(store, 900);
    server.sql('CREATE EXTENSION pg_stat_statements');
    const counted = async (call: () => Promise<unknown>) => {
      server.sql('SELECT pg_stat_statements_reset()');
      await call();
      return server.sql(
        `SELECT sum(calls) FROM pg_stat_statements WHERE toplevel AND query LIKE '%${schema}.%' OR query ~* '^(begin|commit)'`,
      );
    };
    const conditions = [{ key: bytes('a'), equals: undefined }];
    expect(await counted(() => store.commit({ conditions, mutations: [put('a', '1'), put('b', '2')] }))).toBe('1');
    expect(await counted(() => store.get([bytes('a'), bytes('b'), bytes('c')]))).toBe('1');
    expect(await counted(() => collect(store.scan(range)))).toBe('1');
    const together = Array.from({ length: 50 }, (_, index) => put(`together${index}`, ''));
    const all = () => Promise.all(together.map((mutation) => store.commit({ conditions: [], mutations: [mutation] })));
    expect(Number(await counted(all))).toBeLessThanOrEqual(3);
    await store.close();
  });

  it('use the index, though the plans were made while the table was empty', async () => {
    const store = await open({ 'pool-size': 2, 'commit-connections': 1 });
    for (let round = 0; round < 10; round += 1) {
      await store.commit({ conditions: [{ key: bytes(`a${round}`), equals: undefined }], mutations: [put('a', '')] });
      await store.get([bytes('a')]);
      await collect(store.scan(range));
    }
    await fill(store, 2000);
    await store.get([bytes('k0000001')]);
    await collect(store.scan(range, { limit: 10 }));
    await store.close();
    const scans = server.sql(`SELECT seq_scan FROM pg_stat_all_tables WHERE relid = '${schema}.entry'::regclass`);
    // Making the index has read the empty table once.
    expect(Number(scans)).toBeLessThanOrEqual(1);
  });
});

describe('a scan', () => {
  it('beyond what is read ahead holds a snapshot, and lets it go when it is left', async () => {
    const store = await open({ 'scan-connections': 1 });
    await fill(store, 12_000);
    const inTransaction = () => server.sql("SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'");
    const scan = store.scan(range)[Symbol.asyncIterator]();
    await scan.next();
    expect(inTransaction()).toBe('1');
    // The only connection for scans is taken; commits and reads have theirs.
    await store.commit({ conditions: [], mutations: [put('b', '')] });
    expect(await store.get([bytes('b')])).toEqual([bytes('')]);
    await scan.return?.();
    expect(await collect(store.scan(range))).toHaveLength(12_001);
    expect(await collect(store.scan(range, { reverse: true, keysOnly: true }))).toHaveLength(12_001);
    await vi.waitFor(() => expect(inTransaction()).toBe('0'));
    await store.close();
  });

  it('is ended with the store', async () => {
    const store = await open();
    await fill(store, 12_000);
    const scan = store.scan(range)[Symbol.asyncIterator]();
    await scan.next();
    await store.close();
    const rest = async () => {
      while (!(await scan.next()).done);
    };
    await expect(rest()).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('is ended when it stays open for too long', async () => {
    const store = await open({ 'max-scan-time': '30s' });
    await fill(store, 12_000);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const scan = store.scan(range)[Symbol.asyncIterator]();
    await scan.next();
    vi.advanceTimersByTime(30_001);
    vi.useRealTimers();
    await expect(scan.next()).rejects.toMatchObject({ code: 'deadline-exceeded' });
    await store.close();
  });
});

describe('a commit', () => {
  it('is durable where the server is set not to be, and refuses another isolation', async () => {
    const store = await open();
    await store.close();
    server.sql(`ALTER DATABASE ${server.database} SET synchronous_commit = off`);
    const call = `${schema}.commit('{0}', '{f}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{1}', '{k}', '{v}', 1000)`;
    const shown = server.sql(`BEGIN; SELECT ${call}; SHOW synchronous_commit; COMMIT`).split('\n');
    expect(shown).toEqual(['{}', 'on']);
    server.sql(`ALTER DATABASE ${server.database} RESET synchronous_commit`);
    expect(() => server.sql(`BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT ${call}`)).toThrow('not read committed');
  });

  it('does not wait for keys that somebody holds longer than the timeout', async () => {
    const store = await open({ 'statement-timeout': '0.3s' });
    const other = new pg.Client({ connectionString: server.url });
    await other.connect();
    await other.query(`BEGIN; LOCK TABLE ${schema}.entry IN ACCESS EXCLUSIVE MODE`);
    const commit = store.commit({ conditions: [], mutations: [put('a', '1')] });
    await expect(commit).rejects.toMatchObject({ code: 'deadline-exceeded' });
    await expect(store.get([bytes('a')])).rejects.toMatchObject({ code: 'deadline-exceeded' });
    await other.query('ROLLBACK');
    await other.end();
    expect(await store.get([bytes('a')])).toEqual([undefined]);
    await store.close();
  });

  it('of two that each forbid the other, one wins', async () => {
    const stores = await Promise.all([open(), open()]);
    for (let round = 0; round < 30; round += 1) {
      const [x, y] = [`x${round}`, `y${round}`];
      const skewed = [
        [x, y],
        [y, x],
      ].map(([condition, key], index) =>
        stores[index]!.commit({
          conditions: [{ key: bytes(condition!), equals: undefined }],
          mutations: [put(key!, '1')],
        }),
      );
      const outcomes = await Promise.allSettled(skewed);
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    }
    await Promise.all(stores.map((store) => store.close()));
  });

  it('is never torn by a range that is deleted meanwhile', async () => {
    const stores = await Promise.all([open(), open(), open()]);
    for (let round = 0; round < 20; round += 1) {
      const pairs = stores.map((store, index) =>
        store.commit(
          index === 0
            ? { conditions: [], mutations: [{ type: 'delete-range', range }] }
            : { conditions: [], mutations: [put('left', `${index}`), put('right', `${index}`)] },
        ),
      );
      await Promise.all(pairs);
      const [left, right] = await stores[0]!.get([bytes('left'), bytes('right')]);
      expect(left).toEqual(right);
    }
    await Promise.all(stores.map((store) => store.close()));
  });
});

describe('an operator', () => {
  it('finds readable views', async () => {
    const store = await open();
    await store.commit({ conditions: [], mutations: [put('an/key', 'a value'), put('an/other', '')] });
    expect(server.sql(`SELECT * FROM ${schema}.readable ORDER BY key`)).toBe('an/key|7|a value\nan/other|0|');
    expect(server.sql(`SELECT * FROM ${schema}.usage`)).toBe('a|2|14|7');
    await store.close();
  });
});
