import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { addressOf } from './address.ts';
import { configSchema } from './config.ts';

const folder = mkdtempSync(join(tmpdir(), 'stoa-data-postgres-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const address = (settings: object) => addressOf(configSchema.parse(settings), folder);

describe('addressOf', () => {
  it('asks for nothing', () => {
    expect(address({})).toMatchObject({ text: 'stoa at 127.0.0.1:5432/stoa', options: { ssl: false, password: '' } });
  });

  it('takes the parts of a URL, the keys before them, and shows no password', () => {
    const url = 'postgres://us%40er:se%2Fcret@[::1]:6000/da%20ta';
    const { options, text } = address({ url });
    expect(options).toMatchObject({ host: '::1', port: 6000, user: 'us@er', password: 'se/cret', database: 'da ta' });
    expect(text).toBe('us@er at [::1]:6000/da ta');
    expect(address({ url, host: '/run/postgresql', database: 'other', password: 'p' }).options).toMatchObject({
      host: '/run/postgresql',
      database: 'other',
      password: 'p',
      ssl: false,
    });
  });

  it('reads a password file for each connection', async () => {
    writeFileSync(join(folder, 'password'), 'first\nrest');
    const { password } = address({ 'password-file': 'password' }).options as { password: () => Promise<string> };
    expect(await password()).toBe('first');
    writeFileSync(join(folder, 'password'), 'second\r\n');
    expect(await password()).toBe('second');
    const none = address({ 'password-file': 'none' }).options as { password: () => Promise<string> };
    await expect(none.password()).rejects.toMatchObject({
      code: 'invalid-configuration',
      message: expect.stringContaining('password-file'),
    });
  });

  it('encrypts towards other hosts and names what it expects of them', () => {
    const ssl = (settings: object) => address(settings).options.ssl;
    expect(ssl({ host: 'db.example' })).toEqual({ rejectUnauthorized: true, servername: 'db.example' });
    expect(ssl({ url: 'postgres://db.example/stoa?sslmode=disable' })).toBe(false);
    expect(ssl({ host: '192.0.2.1', tls: { mode: 'require' } })).toEqual({ rejectUnauthorized: false });
    expect(ssl({ host: 'db.example', tls: { mode: 'verify-ca' } })).toHaveProperty('checkServerIdentity');
    writeFileSync(join(folder, 'ca.pem'), 'authority');
    expect(ssl({ tls: { mode: 'verify-full', ca: 'ca.pem' } })).toEqual({ rejectUnauthorized: true, ca: 'authority' });
  });

  it.each([
    [{ url: 'postgres://host:port/' }, /not a URL/],
    [{ url: 'postgres://host/?options=x' }, /options.*only sslmode/],
    [{ url: 'postgres://host/?sslmode=allow' }, /sslmode=allow/],
    [{ tls: { mode: 'verify-full', ca: 'nowhere.pem' } }, /"tls\.ca".*nowhere\.pem/],
  ])('refuses %o', (settings, message) => {
    expect(() => address(settings)).toThrow(
      expect.objectContaining({ code: 'invalid-configuration', message: expect.stringMatching(message) }),
    );
  });
});

describe('the schema', () => {
  it.each([
    [{ url: 'mysql://host' }, 'url'],
    [{ schema: 'Stoa"' }, 'schema'],
    [{ schema: 'pg_stoa' }, 'schema'],
    [{ password: 'a', 'password-file': 'b' }, 'password-file'],
    [{ 'pool-size': 4, 'commit-connections': 4 }, 'commit-connections'],
    [{ tls: { cert: 'cert.pem' } }, 'tls'],
  ])('refuses %o', (settings, key) => {
    expect(configSchema.safeParse(settings).error?.issues.map(({ path }) => path[0])).toEqual([key]);
  });
});
