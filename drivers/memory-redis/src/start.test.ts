import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeTlsFiles, type RedisServer, startRedis, startRedisCluster, temporaryFolder } from '@stoa/test-servers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LONG, type LogLine, octets, openStore, testContext } from './store.test-support.ts';

/** The rule of the README. */
const RULE =
  'stoa on >secret ~stoa:* -@all +@connection +get +set +incrby +decrby +pttl +pexpire +unlink +scan +eval +evalsha ' +
  '+info +cluster|info +cluster|slots';

async function useAll(config: object): Promise<void> {
  const store = await openStore(config);
  await store.set('key', octets('1'), LONG);
  expect(await store.compareAndSet('key', octets('1'), octets('2'), LONG)).toBe(true);
  expect(await store.add('key', octets('3'), LONG)).toBe(false);
  expect(await store.increment('counter', 2, LONG)).toBe(2);
  expect(await store.get('key')).toEqual(octets('2'));
  await store.delete(['key', 'other']);
  await store.deletePrefix?.('counter');
  await store.check();
  await store.close();
}

describe('TLS and an ACL user', () => {
  const folder = temporaryFolder('redis-tls');
  const tls = makeTlsFiles(folder);
  writeFileSync(join(folder, 'password'), 'secret\n');
  let server: RedisServer;
  beforeAll(async () => {
    const narrow = 'narrow on >secret ~stoa:* -@all +@connection +info +get +set +scan';
    server = await startRedis({ tls, users: ['default off', RULE, narrow] });
  });
  afterAll(() => server?.stop());

  it('with the rule of the README all works, the password from a file, with a certificate of the client', async () => {
    const { ca, cert, key } = tls;
    await useAll({
      url: server.url,
      username: 'stoa',
      'password-file': join(folder, 'password'),
      tls: { ca, cert, key },
    });
  });

  it('login and password of the URL are used', async () => {
    await useAll({ url: server.url.replace('//', '//stoa:secret@'), tls: { ca: tls.ca } });
  });

  it.each([
    ['a wrong password', { username: 'stoa', password: 'wrong-one' }, {}, /refuses the login.*"password"/],
    ['a permission that is missing', { username: 'narrow', password: 'secret' }, {}, /lacks a permission/],
    ['a prefix beyond the rule', { username: 'stoa', password: 'secret' }, { prefix: 'x:' }, /lacks a permission/],
  ])('%s is refused at the start', async (_, login, more, message) => {
    const lines: LogLine[] = [];
    const opening = openStore({ url: server.url, tls: { ca: tls.ca }, ...login, ...more }, testContext(lines));
    const error: unknown = await opening.catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: 'invalid-configuration', message: expect.stringMatching(message) });
    expect(JSON.stringify([error, (error as Error).cause, String(error), lines])).not.toMatch(/wrong-one|secret/);
  });

  it('TLS to a port without it, and a port with it without TLS, are logged', async () => {
    const plain = await startRedis();
    const short = { 'reconnect-wait': '50ms', 'connect-timeout': '500ms' };
    for (const config of [
      { host: plain.host, port: plain.port, tls: {} },
      { host: server.host, port: server.port },
    ]) {
      const lines: LogLine[] = [];
      const store = await openStore({ ...short, ...config }, testContext(lines));
      expect(lines.filter(({ level }) => level === 'error')).toMatchObject([
        { message: expect.stringContaining('whether it speaks TLS') },
      ]);
      await expect(store.get('key')).rejects.toMatchObject({ code: 'unavailable' });
      await store.close();
    }
    await plain.stop();
  });
});

describe('what is reached is not what was configured', () => {
  it('a host that is not there is logged, and the store waits for it', async () => {
    const lines: LogLine[] = [];
    const config = { host: '127.0.0.1', port: 1, 'reconnect-wait': '50ms' };
    const store = await openStore(config, testContext(lines));
    expect(lines.filter(({ level }) => level === 'error')).toMatchObject([
      { message: expect.stringContaining('check its address'), fields: { place: 'Redis at 127.0.0.1:1' } },
    ]);
    await expect(store.get('key')).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    await store.close();
  });

  it('a database that is not there is refused, instead of using another', async () => {
    const server = await startRedis();
    await expect(openStore({ url: `${server.url}/99` })).rejects.toMatchObject({
      code: 'invalid-configuration',
      message: expect.stringContaining('correct "database"'),
    });
    expect(server.cli('dbsize')).toBe('0');
    await server.stop();
  });

  it('in a cluster the rule of the README is enough', async () => {
    const { nodes, stop } = await startRedisCluster();
    for (const node of nodes) {
      node.cli('acl', 'setuser', ...RULE.split(' '));
      node.cli('acl', 'setuser', 'default', 'off');
    }
    const cluster = nodes.map(({ host, port }) => `${host}:${port}`);
    await expect(openStore({ cluster })).rejects.toMatchObject({ code: 'invalid-configuration' });
    await useAll({ cluster, username: 'stoa', password: 'secret' });
    await stop();
  });
});
