import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { camelKeys } from '@stoa/config-values';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { checkConnection, connectionShape } from './config.ts';
import { describePlace, parseAddress, readSettings } from './settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'stoa-redis-settings-'));
writeFileSync(join(folder, 'password'), 'from file\n');
writeFileSync(join(folder, 'ca.pem'), 'an authority');
afterAll(() => rmSync(folder, { recursive: true }));

const schema = z
  .strictObject({ ...connectionShape })
  .superRefine(checkConnection)
  .transform(camelKeys);
const read = (config: object) => readSettings(schema.parse(config), { dataDirectory: folder, nodeId: 'node 1' });

describe('readSettings', () => {
  it('a URL', async () => {
    const settings = await read({ url: 'rediss://us%40er:pa%3Ass@redis.example:6380/4' });
    expect(settings).toMatchObject({ mode: 'single', addresses: [{ host: 'redis.example', port: 6380 }] });
    expect(settings.login).toMatchObject({ username: 'us@er', password: 'pa:ss', db: 4, tls: {} });
    expect(describePlace(settings)).toBe('Redis at redis.example:6380');
  });

  it('nothing: the local server, without login and TLS', async () => {
    const { addresses, login } = await read({});
    expect(addresses).toEqual([{ host: 'localhost', port: 6379 }]);
    expect(login).toMatchObject({ db: 0, connectionName: 'stoa-node_1' });
    expect(login).not.toHaveProperty('password');
    expect(login).not.toHaveProperty('tls');
  });

  it('Sentinels have a login of their own, and the same TLS', async () => {
    const settings = await read({
      sentinels: ['a', '[::1]:5000'],
      master: 'mail',
      'password-file': 'password',
      'sentinel-password': 'other',
      tls: { ca: 'ca.pem', 'server-name': 'redis.example' },
    });
    expect(settings).toMatchObject({
      mode: 'sentinel',
      master: 'mail',
      addresses: [
        { host: 'a', port: 26_379 },
        { host: '::1', port: 5000 },
      ],
    });
    const tls = { ca: 'an authority', servername: 'redis.example' };
    expect(settings.login).toMatchObject({ password: 'from file', tls });
    expect(settings.sentinelLogin).toMatchObject({ password: 'other', tls });
    expect(settings.sentinelLogin).not.toHaveProperty('db');
    expect(describePlace(settings)).toBe('the Redis master "mail" of the Sentinels at a:26379, [::1]:5000');
  });

  it('a cluster', async () => {
    const settings = await read({ cluster: ['a', 'b:7000'] });
    expect(settings.mode).toBe('cluster');
    expect(describePlace(settings)).toBe('the Redis Cluster at a:6379, b:7000');
  });

  it('a file that cannot be read is named', async () => {
    await expect(read({ tls: { ca: 'nothing.pem' } })).rejects.toMatchObject({
      code: 'invalid-configuration',
      message: 'tls.ca: cannot read nothing.pem (ENOENT)',
    });
  });
});

describe('parseAddress', () => {
  it.each([
    ['a', { host: 'a', port: 1 }],
    ['a.b:2', { host: 'a.b', port: 2 }],
    ['[::1]', { host: '::1', port: 1 }],
    ['[::1]:2', { host: '::1', port: 2 }],
  ])('%s', (text, address) => {
    expect(parseAddress(text, 1)).toEqual(address);
  });
});
