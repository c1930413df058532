import { TOPIC } from '@stoa/plugin-sdk';
import {
  makeTlsFiles,
  type RedisServer,
  startRedis,
  startRedisCluster,
  startRedisSentinel,
  temporaryFolder,
} from '@stoa/test-servers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LogLine, octets, openBus, Recorder, testContext } from './bus.test-support.ts';
import { configSchema } from './config.ts';

/** The rule of the README. */
const RULE = 'stoa on >secret resetchannels &stoa:* -@all +@connection +@pubsub +info +cluster|info +cluster|slots';

const SENTINEL_RULE = 'watcher on >secret -@all +@connection +sentinel|master';

describe('TLS and an ACL user', () => {
  const tls = makeTlsFiles(temporaryFolder('redis-tls'));
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis({
      tls,
      users: ['default off', RULE, 'mute on >secret resetchannels -@all +@connection'],
    });
  });
  afterAll(() => server?.stop());

  it('with the rule of the README the bus works', async () => {
    const bus = await openBus({ url: server.url, username: 'stoa', password: 'secret', tls: { ca: tls.ca } });
    const listener = new Recorder();
    await bus.subscribe(TOPIC, listener);
    await bus.publish(TOPIC, octets('hello'));
    await listener.untilHeard('hello');
    await bus.check();
    await bus.close();
  });

  it.each([
    ['a wrong password', { username: 'stoa', password: 'wrong-one' }, /refuses the login.*"password"/],
    ['no password', {}, /asks for a password|refuses the login/],
    ['a user without the permissions', { username: 'mute', password: 'secret' }, /lacks a permission/],
  ])('%s is refused at the start', async (_, login, message) => {
    const lines: LogLine[] = [];
    const opening = openBus({ url: server.url, tls: { ca: tls.ca }, ...login }, testContext(lines));
    const error: unknown = await opening.catch((failure: unknown) => failure);
    expect(error).toMatchObject({ code: 'invalid-configuration', message: expect.stringMatching(message) });
    expect(JSON.stringify([error, (error as Error).cause, String(error), lines])).not.toMatch(/wrong-one|secret/);
  });

  it('a certificate of an unknown authority is refused at the start', async () => {
    const opening = openBus({ url: server.url, username: 'stoa', password: 'secret' });
    await expect(opening).rejects.toMatchObject({
      code: 'invalid-configuration',
      message: expect.stringMatching(/"tls"/),
    });
  });

  it('a certificate for another name is refused at the start', async () => {
    const config = { url: server.url, username: 'stoa', password: 'secret' };
    const other = openBus({ ...config, tls: { ca: tls.ca, 'server-name': 'redis.example' } });
    await expect(other).rejects.toMatchObject({ code: 'invalid-configuration' });
    const right = await openBus({ ...config, tls: { ca: tls.ca, 'server-name': 'localhost' } });
    await right.check();
    await right.close();
  });

  it('a file that is not there is named', async () => {
    const opening = openBus({ url: server.url, username: 'stoa', 'password-file': 'no-such-file' });
    await expect(opening).rejects.toMatchObject({
      code: 'invalid-configuration',
      message: 'password-file: cannot read no-such-file (ENOENT)',
    });
  });
});

describe('what is reached is not what was configured', () => {
  it('a host that is not there is logged, and the bus waits for it', async () => {
    const lines: LogLine[] = [];
    const config = { host: '127.0.0.1', port: 1, 'connect-timeout': '500ms', 'command-timeout': '500ms' };
    const bus = await openBus(config, testContext(lines));
    expect(lines.filter(({ level }) => level === 'error')).toMatchObject([
      { message: expect.stringContaining('check its address'), fields: { place: 'Redis at 127.0.0.1:1' } },
    ]);
    await expect(bus.check()).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    await bus.close();
  });

  it('a name that the Sentinels do not know is refused', async () => {
    const { sentinels, stop } = await startRedisSentinel();
    const config = { sentinels: sentinels.map(({ host, port }) => `${host}:${port}`), master: 'other' };
    await expect(openBus(config)).rejects.toMatchObject({
      code: 'invalid-configuration',
      message: expect.stringContaining('correct "master"'),
    });
    await stop();
  });

  it('Sentinels with a login of their own are asked with it', async () => {
    const { sentinels, name, master, stop } = await startRedisSentinel();
    for (const { port } of sentinels) {
      master.cli('-p', String(port), 'acl', 'setuser', ...SENTINEL_RULE.split(' '));
      master.cli('-p', String(port), 'acl', 'setuser', 'default', 'off');
    }
    const config = { sentinels: sentinels.map(({ host, port }) => `${host}:${port}`), master: name };
    await expect(openBus(config)).rejects.toMatchObject({ code: 'invalid-configuration' });
    const bus = await openBus({ ...config, 'sentinel-username': 'watcher', 'sentinel-password': 'secret' });
    await bus.check();
    await bus.close();
    await stop();
  });

  it('a single server is no cluster, and database 99 is not there', async () => {
    const server = await startRedis();
    await expect(openBus({ cluster: [`${server.host}:${server.port}`] })).rejects.toMatchObject({
      code: 'invalid-configuration',
      message: expect.stringContaining('it is no cluster'),
    });
    await expect(openBus({ url: server.url, database: 99 })).rejects.toMatchObject({
      code: 'invalid-configuration',
      message: expect.stringContaining('correct "database"'),
    });
    await server.stop();
  });

  it('in a cluster the rule of the README is enough', async () => {
    const { nodes, stop } = await startRedisCluster();
    for (const node of nodes) {
      node.cli('acl', 'setuser', ...RULE.split(' '));
      node.cli('acl', 'setuser', 'default', 'off');
    }
    const cluster = nodes.map(({ host, port }) => `${host}:${port}`);
    await expect(openBus({ cluster })).rejects.toMatchObject({ code: 'invalid-configuration' });
    const bus = await openBus({ cluster, username: 'stoa', password: 'secret' });
    const listener = new Recorder();
    await bus.subscribe(TOPIC, listener);
    await bus.publish(TOPIC, octets('hello'));
    await listener.untilHeard('hello');
    await bus.close();
    await stop();
  });
});

describe('the configuration', () => {
  it.each([
    [{ url: 'http://user:secret@host' }, /redis:\/\//],
    [{ url: 'redis://host', host: 'host' }, /either "url" or "host"/],
    [{ sentinels: ['a:26379'] }, /need "master"/],
    [{ master: 'stoa' }, /belongs to "sentinels"/],
    [{ cluster: ['a'], database: 1 }, /database 0 only/],
    [{ cluster: ['a:b'] }, /host:port/],
    [{ cluster: ['a:70000'] }, /65535/],
    [{ port: 1, url: 'redis://host' }, /belongs to "host"/],
    [{ password: 'a', 'password-file': 'b' }, /either "password"/],
    [{ tls: { cert: 'a' } }, /belong together/],
    [{ 'reconnect-min': '1000ms', 'reconnect-max': '10ms' }, /less than/],
    [{ nonsense: 1 }, /nonsense/],
  ])('%o is refused', (config, message) => {
    const issues = configSchema.safeParse(config).error?.issues ?? [];
    expect(issues.map((issue) => issue.message).join('; ')).toMatch(message);
    expect(JSON.stringify(issues)).not.toContain('secret');
  });

  it.each([
    {},
    { url: 'rediss://user:secret@host:6380/2' },
    { host: '::1', port: 6380, database: 2 },
    { sentinels: ['a', '[::1]:26379'], master: 'stoa', 'sentinel-password': 'x' },
    { cluster: ['a:1', 'b.example:2'], tls: {}, prefix: '' },
  ])('%o is taken', (config) => {
    expect(configSchema.safeParse(config).success).toBe(true);
  });
});
