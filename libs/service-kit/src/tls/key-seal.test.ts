import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { ClusterSecret } from './key-seal.ts';

const folder = mkdtempSync(join(tmpdir(), 'stoa-secret-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const KEY = '-----BEGIN PRIVATE KEY-----\nnot one\n-----END PRIVATE KEY-----\n';
const FINGERPRINT = 'ab'.repeat(32);
const make = () => new ClusterSecret(Buffer.from(ClusterSecret.generate()));

describe('a sealed private key', () => {
  it('is opened with the secret, for its certificate', () => {
    const secret = make();
    const sealed = secret.seal(KEY, FINGERPRINT);
    expect(Buffer.from(sealed).includes('PRIVATE')).toBe(false);
    expect(secret.open(sealed, FINGERPRINT).toString()).toBe(KEY);
    expect(secret.seal(KEY, FINGERPRINT)).not.toEqual(sealed);
  });

  it('is opened by nothing else', () => {
    const secret = make();
    const sealed = secret.seal(KEY, FINGERPRINT);
    const refused = expect.objectContaining({ code: 'permission-denied' });
    expect(() => make().open(sealed, FINGERPRINT)).toThrow(refused);
    expect(() => secret.open(sealed, 'cd'.repeat(32))).toThrow(refused);
    for (const at of [1, 20, 40, sealed.length - 1]) {
      const changed = Uint8Array.from(sealed, (octet, i) => (i === at ? octet ^ 1 : octet));
      expect(() => secret.open(changed, FINGERPRINT)).toThrow(refused);
    }
  });

  it('of a form of the future, or cut short, is told from a wrong secret', () => {
    const secret = make();
    const sealed = secret.seal(KEY, FINGERPRINT);
    const unknown = expect.objectContaining({ code: 'unsupported-version' });
    expect(() => secret.open(Uint8Array.of(2, ...sealed.slice(1)), FINGERPRINT)).toThrow(unknown);
    expect(() => secret.open(sealed.slice(0, 30), FINGERPRINT)).toThrow(unknown);
    expect(() => secret.open(new Uint8Array(), FINGERPRINT)).toThrow(unknown);
  });
});

describe('the secret of a cluster', () => {
  const write = (text: string) => {
    const file = join(folder, 'secret');
    writeFileSync(file, text);
    return file;
  };

  it('is the text of its file, whatever ends the line', () => {
    const text = ClusterSecret.generate();
    const sealed = ClusterSecret.read(write(`${text}\n`)).seal(KEY, FINGERPRINT);
    expect(
      ClusterSecret.read(write(`${text}\r\n`))
        .open(sealed, FINGERPRINT)
        .toString(),
    ).toBe(KEY);
  });

  it('that is short or missing stops the start, and is not shown', () => {
    const file = write('password');
    expect(() => ClusterSecret.read(file)).toThrow(/cluster\.secret-file: .*secret: .*32/);
    expect(() => ClusterSecret.read(join(folder, 'none'))).toThrow(/cluster\.secret-file: .*none/);
    const text = ClusterSecret.generate();
    const secret = ClusterSecret.read(write(text));
    expect(inspect({ secret }) + JSON.stringify({ secret })).not.toContain(text);
  });
});
