import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DataStore, hasCode, isStoaError } from '@stoa/plugin-sdk';
import { type PostgresServer, startPostgres, temporaryFolder, until } from '@stoa/test-servers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configSchema } from './config.ts';
import factory from './index.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
const folder = temporaryFolder('failover');
let server: PostgresServer;
let store: DataStore;

beforeAll(async () => {
  server = await startPostgres({ folder });
  const config = configSchema.parse({ url: server.url, 'connect-timeout': '1s' });
  store = await factory.create(config, { logger: silent, nodeId: 'test', dataDirectory: folder });
}, 60_000);
afterAll(async () => {
  await store?.close();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 30_000);

const bytes = (text: string) => Buffer.from(text);
const put = (key: string, value: string) => ({ type: 'put' as const, key: bytes(key), value: bytes(value) });

/** Writers that go on whatever happens, and what was acknowledged to them. */
class Load {
  readonly acknowledged: string[] = [];
  readonly failures: unknown[] = [];
  #stopped = false;
  readonly #writers: Promise<void>[];

  constructor(prefix: string) {
    this.#writers = Array.from({ length: 12 }, (_, writer) => this.#write(`${prefix}/${writer}`));
  }

  async #write(prefix: string): Promise<void> {
    for (let index = 0; !this.#stopped; index += 1) {
      const key = `${prefix}/${index}`;
      try {
        await store.commit({
          conditions: [{ key: bytes(key), equals: undefined }],
          mutations: [put(key, 'v'), put(`${key}/row`, 'x'.repeat(500))],
        });
        this.acknowledged.push(key);
      } catch (error) {
        this.failures.push(error);
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  reaches(count: number): Promise<void> {
    const goal = this.acknowledged.length + count;
    return until(`${count} more commits`, () => this.acknowledged.length >= goal);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#writers);
  }
}

async function everythingIsThere(keys: readonly string[]): Promise<void> {
  for (let at = 0; at < keys.length; at += 500) {
    const some = keys.slice(at, at + 500).flatMap((key) => [bytes(key), bytes(`${key}/row`)]);
    expect((await store.get(some)).filter((value) => value === undefined)).toEqual([]);
  }
}

const onlyTemporary = (failures: readonly unknown[]) =>
  failures.filter((error) => !(isStoaError(error) && error.code === 'unavailable' && error.retryable));

describe('PostgreSQL', () => {
  it('killed under load and started again loses nothing that was acknowledged', async () => {
    const load = new Load('killed');
    for (let round = 0; round < 2; round += 1) {
      await load.reaches(300);
      await server.kill();
      await until('a commit fails', () => load.failures.length > 0);
      await expect(store.check()).rejects.toMatchObject({ code: 'unavailable', retryable: true });
      await expect(store.get([bytes('a')])).rejects.toMatchObject({ code: 'unavailable' });
      await server.restart();
      await load.reaches(300);
    }
    await load.stop();
    expect(onlyTemporary(load.failures)).toEqual([]);
    await everythingIsThere(load.acknowledged);
    await store.check();
  }, 120_000);

  it('that ends all connections is reached again at once', async () => {
    const load = new Load('ended');
    await load.reaches(100);
    server.sql(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL',
    );
    await load.reaches(300);
    await load.stop();
    expect(onlyTemporary(load.failures)).toEqual([]);
    await everythingIsThere(load.acknowledged);
  }, 60_000);

  it('that comes back as a standby is unavailable until it is the primary', async () => {
    await store.commit({ conditions: [], mutations: [put('a', '1')] });
    await server.kill();
    writeFileSync(join(folder, 'data', 'standby.signal'), '');
    await server.restart();
    const refused = { code: 'unavailable', message: expect.stringContaining('standby') };
    await expect(store.get([bytes('a')])).rejects.toMatchObject(refused);
    await expect(store.check()).rejects.toMatchObject(refused);
    await expect(store.commit({ conditions: [], mutations: [put('a', '2')] })).rejects.toMatchObject(refused);
    await expect(
      store
        .scan({ start: bytes('a'), end: bytes('b') })
        [Symbol.asyncIterator]()
        .next(),
    ).rejects.toMatchObject(refused);
    expect(server.sql('SELECT pg_promote()')).toBe('t');
    await until('the store is back', () =>
      store.check().then(
        () => true,
        (error) => {
          if (!hasCode(error, 'unavailable')) throw error;
          return false;
        },
      ),
    );
    await store.commit({ conditions: [{ key: bytes('a'), equals: bytes('1') }], mutations: [put('a', '2')] });
    expect(await store.get([bytes('a')])).toEqual([bytes('2')]);
  }, 60_000);
});
