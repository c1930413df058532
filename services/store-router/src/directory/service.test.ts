import { storage } from '@stoa/contracts';
import { describe, expect, it } from 'vitest';
import { testDirectory } from '../../test/support/directory.ts';
import { MemoryDataStore } from '../../test/support/memory-data-store.ts';
import { call } from '../../test/support/router.ts';
import { WrappedStore } from '../../test/support/wrapped-store.ts';
import { Accounts } from '../account/index.ts';

const { ResolveRecipientResponse_Kind: Kind } = storage;

async function setUp(store = new WrappedStore(new MemoryDataStore())) {
  const test = { ...testDirectory({ store }), store };
  const { service } = test;
  await service.createDomain({ name: 'example.org' }, call());
  const add = async (address: string, quotaBytes = 0) => {
    test.clock.now += 1;
    const { account } = await service.createAccount({ address, password: 'secret', quotaBytes }, call());
    return account?.id ?? '';
  };
  const login = (username: string, password: string) =>
    service.authenticate({ username, password, remoteAddress: '192.0.2.1', protocol: 'imap' }, call());
  const resolve = (address: string) => service.resolveRecipient({ address }, call());
  return { ...test, add, login, resolve };
}

describe('DirectoryService', () => {
  it('tells everyone what changed, and whose sessions end', async () => {
    const { service, events, add, login } = await setUp();
    const id = await add('a@example.org');
    const changed = (credentialVersion: number, endSessions = credentialVersion > 0) => ({
      $case: 'accountChanged',
      value: { accountId: id, address: 'a@example.org', endSessions, credentialVersion },
    });
    const address = 'A@example.org';
    await service.updateAccount({ address, quotaBytes: 1_000 }, call());
    await service.updateAccount({ address, password: 'other' }, call());
    await service.updateAccount({ address, disabled: true }, call());
    await service.updateAccount({ address, disabled: false }, call());
    expect(await login('a@example.org', 'other')).toEqual({
      accountId: id,
      address: 'a@example.org',
      credentialVersion: 3,
    });
    await service.addAlias({ address: 'b@example.org', targets: ['a@example.org'] }, call());
    await service.deleteAccount({ address }, call());
    const domain = { $case: 'domainChanged', value: { domain: 'example.org' } };
    const accounts = [0, 0, 2, 3, 0].map((version) => changed(version));
    expect(events).toEqual([domain, ...accounts, domain, changed(0, true)]);
  });

  it('shows an account with its quota and use', async () => {
    const { service, add, clock } = await setUp();
    const id = await add('a@example.org', 500);
    const account = {
      id,
      address: 'a@example.org',
      disabled: false,
      quotaBytes: 500,
      usedBytes: 0,
      messages: 0,
      createdAt: clock.now,
      credentialVersion: 1,
    };
    expect(await service.getAccount({ by: { $case: 'id', value: id }, fresh: false }, call())).toEqual({ account });
    expect(await service.getAccount({ by: { $case: 'address', value: 'A@Example.org' }, fresh: true }, call())).toEqual(
      { account },
    );
    const pages = [];
    for await (const page of service.listAccounts({ domain: '' }, call())) pages.push(page);
    expect(pages).toEqual([{ accounts: [account] }]);
    for (const by of [undefined, { $case: 'id' as const, value: 'x' }, { $case: 'address' as const, value: 'x' }]) {
      await expect(service.getAccount({ by, fresh: false }, call())).rejects.toMatchObject({ code: 'not-found' });
    }
  });

  it('resolves to accounts with their state, and to addresses as they are written', async () => {
    const { service, add, resolve } = await setUp();
    const a = await add('"a b"@example.org');
    const b = await add('b@example.org');
    await service.updateAccount({ address: 'b@example.org', disabled: true }, call());
    const targets = ['"A B"+Work@example.org', 'b@example.org', '"X Y"@else.org'];
    await service.addAlias(
      { address: 'list@example.org', targets: ['"A B"@example.org', ...targets.slice(1)] },
      call(),
    );
    expect(await resolve('list@example.org')).toEqual({
      kind: Kind.KIND_LOCAL,
      targets: [
        { accountId: a, address: '"a b"@example.org', mailbox: '', overQuota: false, disabled: false },
        { accountId: b, address: 'b@example.org', mailbox: '', overQuota: false, disabled: true },
        { accountId: '', address: '"X Y"@else.org' },
      ],
    });
    expect(await resolve('nobody@example.org')).toEqual({ kind: Kind.KIND_UNKNOWN, targets: [] });
    expect(await resolve('a@else.org')).toEqual({ kind: Kind.KIND_REMOTE, targets: [] });
    expect(await resolve('nonsense')).toEqual({ kind: Kind.KIND_UNKNOWN, targets: [] });
  });

  it('knows which senders are an account’s own', async () => {
    const { service, add } = await setUp();
    const a = await add('a@example.org');
    const b = await add('b@example.org');
    const aliases = { 'one@example.org': ['a@example.org'], 'two@example.org': ['a@example.org', 'b@example.org'] };
    for (const [address, targets] of Object.entries(aliases)) await service.addAlias({ address, targets }, call());
    await service.addAlias({ address: 'out@example.org', targets: ['a@example.org', 'x@else.org'] }, call());
    const may = async (accountId: string, address: string) =>
      (await service.checkSender({ accountId, address }, call())).allowed;
    for (const own of ['a@example.org', 'A+shop@Example.org', 'one@example.org']) expect(await may(a, own)).toBe(true);
    for (const other of [
      'b@example.org',
      'two@example.org',
      'out@example.org',
      'a@else.org',
      '',
      'nobody@example.org',
    ]) {
      expect(await may(a, other)).toBe(false);
    }
    expect(await may(b, 'a@example.org')).toBe(false);
    expect(await may('x', 'a@example.org')).toBe(false);
    await service.updateAccount({ address: 'a@example.org', disabled: true }, call());
    expect(await may(a, 'a@example.org')).toBe(false);
  });

  it('tells listeners of blocked addresses', async () => {
    const { service, login, config, clock } = await setUp();
    for (let i = 0; i < config['block-after']; i++) await login(`u${i}@example.org`, 'x').catch(() => {});
    expect(await service.checkAddress({ address: '::ffff:192.0.2.1' }, call())).toEqual({
      blockedUntil: clock.now + config['block-time'],
    });
    expect(await service.checkAddress({ address: '192.0.2.2' }, call())).toEqual({ blockedUntil: 0 });
  });

  it('looks an address up without reading where it and its account are known', async () => {
    const { accounts, store, add, resolve } = await setUp();
    const accountId = await add('a@example.org', 100);
    await accounts.reading(accountId, async () => {});
    await resolve('a@example.org');
    const { gets, scans } = store;
    expect(await resolve('a@example.org')).toMatchObject({ kind: Kind.KIND_LOCAL, targets: [{ accountId }] });
    expect([store.gets, store.scans]).toEqual([gets, scans]);
  });

  it('reads before it says that a mailbox is full, since another router may have made room', async () => {
    const { accounts, store, clock, add, resolve } = await setUp();
    const id = await add('a@example.org', 100);
    await accounts.write(id, async (transaction) => transaction.updateState({ usedBytes: 100 }));
    expect(await resolve('a@example.org')).toMatchObject({ targets: [{ overQuota: true }] });
    const elsewhere = new Accounts(store, { cacheBytes: 1 << 20, now: () => clock.now });
    await elsewhere.setQuota(id, 200);
    expect(await resolve('a@example.org')).toMatchObject({ targets: [{ overQuota: false }] });
  });
});
