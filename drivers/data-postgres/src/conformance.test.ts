import { dataStoreSuite } from '@stoa/plugin-sdk/conformance';
import { type PostgresServer, startPostgres } from '@stoa/test-servers';
import { afterAll, beforeAll, describe, test } from 'vitest';
import factory from './index.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
}, 60_000);
afterAll(() => server?.stop(), 30_000);

dataStoreSuite({
  describe,
  test,
  factory,
  config: async () => ({ url: await server.createDatabase('conformance') }),
  crash: { module: new URL('./index.ts', import.meta.url) },
});
