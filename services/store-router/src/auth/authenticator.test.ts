import { hash } from '@node-rs/argon2';
import { describe, expect, it } from 'vitest';
import { testDirectory } from '../../test/support/directory.ts';
import { hashing, hashPassword } from './password.ts';

const HERE = '192.0.2.1';

async function setUp(auth: Record<string, unknown> = {}) {
  const test = testDirectory({ auth });
  await test.directory.createDomain('example.org');
  const { row } = await test.directory.createAccount('alice@example.org', await hashPassword('secret'), 0);
  return { ...test, accountId: row.accountId };
}

const wrong = { code: 'unauthenticated', message: 'wrong user name or password', retryable: false };

describe('Authenticator', () => {
  it('lets in who has the password, however the name is written', async () => {
    const { authenticator, accountId } = await setUp();
    for (const name of ['alice@example.org', 'Alice@EXAMPLE.org', '"alice"@example.org']) {
      const { address, row } = await authenticator.authenticate(name, 'secret', HERE);
      expect([address, row.accountId]).toEqual(['alice@example.org', accountId]);
    }
  });

  it('says the same of a wrong password, an unknown user, and a disabled account', async () => {
    const { authenticator, directory } = await setUp();
    await directory.createAccount('dora@example.org', await hashPassword('secret'), 0);
    await directory.updateAccount('dora@example.org', (row) => ({ ...row, disabled: true }));
    await directory.createAccount('none@example.org', '', 0);
    for (const [name, password] of [
      ['alice@example.org', 'Secret'],
      ['bob@example.org', 'secret'],
      ['dora@example.org', 'secret'],
      ['none@example.org', ''],
      ['alice', 'secret'],
      ['', ''],
      ['x'.repeat(100_000), 'x'.repeat(100_000)],
    ] as const) {
      await expect(authenticator.authenticate(name, password, HERE)).rejects.toMatchObject(wrong);
    }
  });

  it('counts all spellings of a name as one account', async () => {
    const { authenticator } = await setUp({ 'max-failures-per-account': 3 });
    for (const name of ['"alice"@example.org', 'ALICE@example.org', '"al\\ice"@Example.Org']) {
      await expect(authenticator.authenticate(name, 'x', HERE)).rejects.toMatchObject(wrong);
    }
    await expect(authenticator.authenticate('alice@example.org', 'secret', HERE)).rejects.toMatchObject({
      code: 'rate-limited',
    });
  });

  it('stops many guesses at once', async () => {
    const { authenticator, logger } = await setUp({ 'max-failures-per-account': 3, 'block-after': 1000 });
    const guesses = Array.from({ length: 40 }, (_, i) =>
      authenticator.authenticate('alice@example.org', `guess ${i}`, HERE).catch((error) => error.code),
    );
    const codes = await Promise.all(guesses);
    expect(codes.filter((code) => code === 'unauthenticated').length).toBeLessThan(12);
    expect(new Set(codes)).toEqual(new Set(['unauthenticated', 'rate-limited']));
    expect(JSON.stringify(logger.lines)).not.toContain('guess');
  });

  it('knows a password again for a while, but not after it changed, nor of a disabled or deleted account', async () => {
    const { authenticator, directory } = await setUp();
    await authenticator.authenticate('alice@example.org', 'secret', HERE);
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const busy = Array.from({ length: 100 }, () => hashing.run(() => opened));
    // Nothing is hashed now, so that this one needs no hash.
    await authenticator.authenticate('alice@example.org', 'secret', HERE);
    open();
    await Promise.all(busy);
    await directory.updateAccount('alice@example.org', (row) => ({ ...row, disabled: true }));
    await expect(authenticator.authenticate('alice@example.org', 'secret', HERE)).rejects.toMatchObject(wrong);
    const passwordHash = await hashPassword('other');
    await directory.updateAccount('alice@example.org', (row) => ({
      ...row,
      disabled: false,
      passwordHash,
      credentialVersion: row.credentialVersion + 1,
    }));
    await expect(authenticator.authenticate('alice@example.org', 'secret', HERE)).rejects.toMatchObject(wrong);
    await authenticator.authenticate('alice@example.org', 'other', HERE);
    await directory.deleteAccount('alice@example.org');
    await expect(authenticator.authenticate('alice@example.org', 'other', HERE)).rejects.toMatchObject(wrong);
  });

  it('hashes anew what was hashed with other parameters', async () => {
    const { authenticator, directory } = await setUp();
    const passwordHash = await hash('secret', { memoryCost: 8_192, timeCost: 1, parallelism: 1 });
    const old = await directory.createAccount('old@example.org', passwordHash, 0);
    await authenticator.authenticate('old@example.org', 'secret', HERE);
    await expect
      .poll(async () => (await directory.findAccount('old@example.org'))?.row.passwordHash)
      .toMatch(/m=19456,t=2,p=1/);
    const found = await directory.findAccount('old@example.org');
    expect(found?.row.credentialVersion).toBe(old.row.credentialVersion);
    await authenticator.authenticate('old@example.org', 'secret', HERE);
  });
});
