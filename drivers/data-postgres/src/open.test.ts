import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { DataStore, DriverContext, ErrorCode } from '@stoa/plugin-sdk';
import {
  freePort,
  makeTlsFiles,
  type PostgresServer,
  startPostgres,
  type TlsFiles,
  temporaryFolder,
} from '@stoa/test-servers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configSchema } from './config.ts';
import factory from './index.ts';
import { FORMAT_VERSION } from './migrate.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };
let server: PostgresServer;
let files: TlsFiles;
let context: DriverContext;
let schemas = 0;

beforeAll(async () => {
  const folder = temporaryFolder('tls');
  files = makeTlsFiles(folder);
  const [certificate, key] = [join(folder, 'server.pem'), join(folder, 'server-key.pem')];
  copyFileSync(files.cert, certificate);
  copyFileSync(files.key, key);
  chmodSync(folder, 0o755);
  chmodSync(key, 0o600);
  if (process.getuid?.() === 0) chownSync(key, Number(execFileSync('id', ['-u', 'postgres'])), 0);
  server = await startPostgres({
    settings: ['ssl = on', `ssl_cert_file = '${certificate}'`, `ssl_key_file = '${key}'`],
  });
  context = { logger: silent, nodeId: 'test', dataDirectory: folder };
}, 60_000);
afterAll(() => server?.stop(), 30_000);

const open = (settings: object): Promise<DataStore> => factory.create(configSchema.parse(settings), context);

/** The name of a schema that no other test uses, and the settings for it. */
function newSchema(): { schema: string; settings: { url: string; schema: string } } {
  schemas += 1;
  const schema = `store${schemas}`;
  return { schema, settings: { url: server.url, schema } };
}

async function refused(settings: object, code: ErrorCode, message: RegExp): Promise<void> {
  const error = await open(settings).then(
    async (store) => {
      await store.close();
      return 'it opened';
    },
    (error) => error,
  );
  expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  expect(error.message).not.toContain(server.password);
}

describe('what is wrong with the address', () => {
  it('is told: the password', async () => {
    await refused({ url: server.url, password: 'wrong' }, 'invalid-configuration', /log-in of stoa at.*"password"/);
  });

  it('is told: the user', async () => {
    await refused({ url: server.url, user: 'nobody' }, 'invalid-configuration', /log-in of nobody at.*"user"/);
  });

  it('is told: the database', async () => {
    await refused(
      { url: server.url, database: 'absent' },
      'invalid-configuration',
      /CREATE DATABASE "absent".*"database"/,
    );
  });

  it('is told: the port', async () => {
    const port = await freePort();
    await refused({ url: server.url, port }, 'unavailable', new RegExp(`:${port}/stoa.*ECONNREFUSED.*"port"`));
  });

  it('is told: the host', async () => {
    const settings = { url: server.url, host: 'db.invalid', tls: { mode: 'disable' } };
    await refused(settings, 'unavailable', /db\.invalid.*"host"/);
  });

  it('is told: TLS that the server lacks, and a certificate that is not trusted', async () => {
    const plain = await startPostgres();
    try {
      await refused({ url: plain.url, tls: { mode: 'require' } }, 'invalid-configuration', /no TLS.*"tls\.mode"/);
    } finally {
      await plain.stop();
    }
    await refused({ url: server.url, tls: { mode: 'verify-full' } }, 'invalid-configuration', /certificate.*"tls\.ca"/);
  });

  it('is told when the server says nothing', async () => {
    const mute = createServer((socket) => socket.resume());
    const port = await freePort();
    await new Promise<void>((resolve) => mute.listen(port, '127.0.0.1', resolve));
    const settings = { url: server.url, port, 'connect-timeout': '0.2s' };
    await refused(settings, 'unavailable', /cannot reach.*"host" and "port"/);
    await new Promise((resolve) => mute.close(resolve));
  });
});

describe('opening', () => {
  it.each(['require', 'verify-ca', 'verify-full'])('works with TLS: %s', async (mode) => {
    const store = await open({ ...newSchema().settings, tls: { mode, ca: files.ca } });
    await store.check();
    const used =
      "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'stoa test'";
    expect(server.sql(used)).toBe('t');
    await store.close();
  });

  it('by many at once makes the tables once', async () => {
    const { schema, settings } = newSchema();
    const stores = await Promise.all(Array.from({ length: 8 }, () => open(settings)));
    await Promise.all(stores.map((store) => store.check()));
    expect(server.sql(`SELECT program, version FROM ${schema}.format`)).toBe(`stoa data store|${FORMAT_VERSION}`);
    await Promise.all(stores.map((store) => store.close()));
  });

  it('keeps stores of different schemas apart', async () => {
    const [one, other] = await Promise.all([open(newSchema().settings), open(newSchema().settings)]);
    const key = Buffer.from('k');
    await one.commit({ conditions: [], mutations: [{ type: 'put', key, value: key }] });
    expect(await other.get([key])).toEqual([undefined]);
    expect(await one.get([key])).toEqual([key]);
    await Promise.all([one.close(), other.close()]);
  });

  it('refuses tables of another program, and leaves them as they are', async () => {
    const { schema, settings } = newSchema();
    server.sql(
      `CREATE SCHEMA ${schema}; CREATE TABLE ${schema}.entry (id int); INSERT INTO ${schema}.entry VALUES (7)`,
    );
    await refused(settings, 'invalid-configuration', new RegExp(`${schema}\\.entry.*not make.*"schema"`));
    server.sql(`CREATE TABLE ${schema}.format (program text, version int, updated_at int)`);
    await refused(settings, 'invalid-configuration', new RegExp(`${schema}\\.format`));
    expect(server.sql(`SELECT id FROM ${schema}.entry`)).toBe('7');
    expect(server.sql(`SELECT count(*) FROM pg_class WHERE relnamespace = '${schema}'::regnamespace`)).toBe('2');
  });

  it('takes a schema that holds tables of other names', async () => {
    const { schema, settings } = newSchema();
    server.sql(`CREATE SCHEMA ${schema}; CREATE TABLE ${schema}.invoices (id int)`);
    await (await open(settings)).close();
  });

  it('refuses the format of a newer Stoa, and leaves it as it is', async () => {
    const { schema, settings } = newSchema();
    await (await open(settings)).close();
    server.sql(`UPDATE ${schema}.format SET version = ${FORMAT_VERSION + 1}`);
    await refused(settings, 'unsupported-version', /format \d+.*newer Stoa/);
    expect(server.sql(`SELECT version FROM ${schema}.format`)).toBe(String(FORMAT_VERSION + 1));
  });

  it('tells what a role may not do, and needs no more than a schema of its own', async () => {
    const { schema, settings } = newSchema();
    server.sql("CREATE ROLE mail LOGIN PASSWORD 'pass'");
    const asMail = { ...settings, user: 'mail', password: 'pass' };
    const remedy = `CREATE SCHEMA ${schema} AUTHORIZATION "mail"`;
    await refused(asMail, 'invalid-configuration', new RegExp(remedy));
    server.sql(remedy);
    const store = await open(asMail);
    await store.check();
    await store.close();
  });

  it('refuses a role whose transactions would have another isolation', async () => {
    server.sql(
      "CREATE ROLE strict LOGIN PASSWORD 'pass'; ALTER ROLE strict SET default_transaction_isolation = serializable",
    );
    const settings = { ...newSchema().settings, user: 'strict', password: 'pass' };
    await refused(settings, 'invalid-configuration', /serializable.*default_transaction_isolation/);
  });
});
