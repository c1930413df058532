import { dataStoreSuite } from '@stoa/plugin-sdk/conformance';
import { type PgBouncer, type PostgresServer, startPgBouncer, startPostgres } from '@stoa/test-servers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configSchema } from './config.ts';
import factory from './index.ts';

let server: PostgresServer;
let bouncer: PgBouncer;

beforeAll(async () => {
  server = await startPostgres();
  bouncer = await startPgBouncer(server);
}, 60_000);
afterAll(async () => {
  await bouncer?.stop();
  await server?.stop();
}, 30_000);

describe('through PgBouncer in transaction mode', () => {
  dataStoreSuite({
    describe,
    test,
    factory,
    config: async () => {
      await server.createDatabase('bounced');
      return { url: bouncer.url('bounced') };
    },
    crash: { module: new URL('./index.ts', import.meta.url) },
  });

  test('the pooler is noticed, and PgBouncer may restart', async () => {
    const lines: string[] = [];
    const log = (_: object, message: string) => lines.push(message);
    const logger = { debug: log, info: log, warn: log, error: log };
    await server.createDatabase('noticed');
    const config = configSchema.parse({ url: bouncer.url('noticed') });
    const store = await factory.create(config, { logger, nodeId: 'test', dataDirectory: '/nonexistent' });
    expect(lines).toEqual([expect.stringContaining('pooler')]);
    expect(server.sql('SELECT count(*) FROM pg_prepared_statements', 'noticed')).toBe('0');
    await store.check();
    await bouncer.kill();
    await expect(store.check()).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    await bouncer.restart();
    await store.check();
    expect(lines.at(-1)).toContain('answers again');
    await store.close();
  });

  test('prepared statements, asked for where they cannot work, are given up', async () => {
    await server.createDatabase('prepared');
    const config = configSchema.parse({ url: bouncer.url('prepared'), prepare: true });
    const context = {
      logger: { debug() {}, info() {}, warn() {}, error() {} },
      nodeId: 'test',
      dataDirectory: '/none',
    };
    const stores = await Promise.all([1, 2, 3].map(() => factory.create(config, context)));
    const key = (index: number) => Buffer.from(`k${index}`);
    const calls = stores.flatMap((store) =>
      Array.from({ length: 20 }, async (_, index) => {
        await store.commit({ conditions: [], mutations: [{ type: 'put', key: key(index), value: key(index) }] });
        expect(await store.get([key(index)])).toEqual([key(index)]);
      }),
    );
    await Promise.all(calls);
    await Promise.all(stores.map((store) => store.close()));
  });

  test('a missing database and a wrong password are told', async () => {
    const open = (settings: object) =>
      factory.create(configSchema.parse({ url: bouncer.url('absent'), ...settings }), {
        logger: { debug() {}, info() {}, warn() {}, error() {} },
        nodeId: 'test',
        dataDirectory: '/nonexistent',
      });
    await expect(open({})).rejects.toMatchObject({
      code: 'invalid-configuration',
      message: expect.stringContaining('"database"'),
    });
    await expect(open({ password: 'wrong' })).rejects.toMatchObject({
      code: 'invalid-configuration',
      message: expect.stringContaining('"password"'),
    });
  });
});
