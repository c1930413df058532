import { hash } from '@node-rs/argon2';
import { describe, expect, it } from 'vitest';
import { hashPassword, MAX_PASSWORD_BYTES, needsRehash, verifyPassword } from './password.ts';

describe('passwords', () => {
  it('are right or wrong', async () => {
    const stored = await hashPassword('correct horse');
    expect(stored).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await verifyPassword(stored, 'correct horse')).toBe(true);
    expect(await verifyPassword(stored, 'correct Horse')).toBe(false);
    expect(await verifyPassword(stored, '')).toBe(false);
    expect(needsRehash(stored)).toBe(false);
  });

  it('are the same however they were typed', async () => {
    const stored = await hashPassword('Zu\u0308rich 8');
    expect(await verifyPassword(stored, 'Z\u00fcrich\u00a08')).toBe(true);
  });

  it('have a bound that is not cut off silently', async () => {
    const longest = 'é'.repeat(MAX_PASSWORD_BYTES / 2);
    const stored = await hashPassword(longest);
    expect(await verifyPassword(stored, longest)).toBe(true);
    expect(await verifyPassword(stored, `${longest}x`)).toBe(false);
    for (const bad of ['', `${longest}x`, 'x'.repeat(5_000_000)]) {
      await expect(hashPassword(bad)).rejects.toMatchObject({ code: 'invalid-argument' });
    }
  });

  it('never fit where there is no hash, or one that is broken', async () => {
    for (const stored of [undefined, '', 'x', '$argon2id$v=19$m=1', '$6$salt$hash']) {
      for (const password of ['', 'no password', 'no', 'x']) {
        expect(await verifyPassword(stored, password)).toBe(false);
      }
    }
  });

  it('hashed with other parameters are to be hashed anew', async () => {
    const old = await hash('secret', { memoryCost: 8_192, timeCost: 1, parallelism: 1 });
    expect(await verifyPassword(old, 'secret')).toBe(true);
    expect(needsRehash(old)).toBe(true);
  });
});
