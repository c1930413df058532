import type { DataCommit } from '@stoa/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { testDirectory } from '../../test/support/directory.ts';
import { MemoryDataStore } from '../../test/support/memory-data-store.ts';
import { WrappedStore } from '../../test/support/wrapped-store.ts';

async function setUp(options: Parameters<typeof testDirectory>[0] = {}) {
  const test = testDirectory(options);
  await test.directory.createDomain('example.org');
  const add = async (address: string) => {
    test.clock.now += 1;
    return (await test.directory.createAccount(address, '', 0)).row.accountId;
  };
  const to = async (address: string) => {
    const { kind, local, remote } = await test.directory.resolve(address);
    return [kind, ...local.map((target) => target.address), ...remote];
  };
  return { ...test, add, to };
}

async function all<T>(pages: AsyncIterable<T[]>): Promise<T[]> {
  const items: T[] = [];
  for await (const page of pages) items.push(...page);
  return items;
}

/** Dies with its second commit. */
class MortalStore extends WrappedStore {
  override async commit(commit: DataCommit): Promise<void> {
    if (this.commits === 1) throw new Error('killed');
    await super.commit(commit);
  }
}

describe('domains', () => {
  it('are made once, under any spelling', async () => {
    const { directory, clock } = await setUp();
    await directory.createDomain('Bücher.example');
    await expect(directory.createDomain('xn--bcher-kva.EXAMPLE')).rejects.toMatchObject({ code: 'already-exists' });
    expect(await directory.listDomains()).toEqual([
      { name: 'example.org', createdAt: clock.now },
      { name: 'xn--bcher-kva.example', createdAt: clock.now },
    ]);
  });

  it('with accounts or aliases stay', async () => {
    const { directory, add } = await setUp();
    await add('a@example.org');
    const used = { code: 'failed-precondition' };
    await expect(directory.deleteDomain('example.org')).rejects.toMatchObject(used);
    await directory.deleteAccount('a@example.org');
    await directory.addAlias('*@example.org', ['x@else.org']);
    await expect(directory.deleteDomain('example.org')).rejects.toMatchObject(used);
    await directory.removeAlias('*@example.org', []);
    expect(await directory.deleteDomain('EXAMPLE.org')).toBe('example.org');
    await expect(directory.deleteDomain('example.org')).rejects.toMatchObject({ code: 'not-found' });
    await expect(add('a@example.org')).rejects.toMatchObject({ code: 'not-found' });
  });

  it('whose deletion was cut short take mail, no accounts, and can be deleted or kept', async () => {
    for (const rescue of ['deleteDomain', 'createDomain'] as const) {
      const store = new MemoryDataStore();
      const { directory, add, to } = await setUp({ store });
      await add('a@example.org');
      const broken = new MortalStore(store);
      await expect(testDirectory({ store: broken }).directory.deleteDomain('example.org')).rejects.toThrow('killed');
      expect(await to('a@example.org')).toEqual(['local', 'a@example.org']);
      await expect(add('b@example.org')).rejects.toMatchObject({ code: 'failed-precondition' });
      if (rescue === 'createDomain') {
        await directory.createDomain('example.org');
        await add('b@example.org');
      } else {
        await directory.deleteAccount('a@example.org');
        await directory.deleteDomain('example.org');
        expect(await to('a@example.org')).toEqual(['remote']);
      }
    }
  });
});

describe('accounts', () => {
  it('have an address that nothing else has', async () => {
    const { directory, add } = await setUp();
    await add('Alice@example.org');
    await directory.addAlias('sales@example.org', ['alice@example.org']);
    for (const taken of ['alice@EXAMPLE.org', '"alice"@example.org', 'sales@example.org']) {
      await expect(add(taken)).rejects.toMatchObject({ code: 'already-exists' });
    }
    await expect(directory.addAlias('alice@example.org', ['x@else.org'])).rejects.toMatchObject({
      code: 'already-exists',
    });
    await expect(add('*@example.org')).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(add('alice@else.org')).rejects.toMatchObject({ code: 'not-found' });
  });

  it('vanish at once when they are deleted, and leave a note for the purge', async () => {
    const { directory, accounts, add, to } = await setUp();
    const first = await add('a@example.org');
    expect(await accounts.usage(first)).toMatchObject({ messages: 0 });
    await directory.deleteAccount('A@example.org');
    expect(await to('a@example.org')).toEqual(['unknown']);
    expect(await directory.findAccount('a@example.org')).toBeUndefined();
    expect(await directory.findAccountById(first)).toBeUndefined();
    expect(await accounts.usage(first)).toBeUndefined();
    await expect(directory.deleteAccount('a@example.org')).rejects.toMatchObject({ code: 'not-found' });
    const second = await add('a@example.org');
    expect(second).not.toBe(first);
    expect((await directory.findAccountById(second))?.address).toBe('a@example.org');
  });

  it('are listed in pages, of one domain or of all', async () => {
    const { directory, add } = await setUp();
    await directory.createDomain('example.net');
    const names = Array.from({ length: 1_203 }, (_, i) => `u${String(i).padStart(5, '0')}@example.org`);
    for (const name of names) await add(name);
    await add('z@example.net');
    expect((await all(directory.listAccounts('Example.org'))).map(({ address }) => address)).toEqual(names);
    expect((await all(directory.listAccounts(''))).length).toBe(1_204);
    expect(await directory.countAccounts()).toBe(1_204);
    for await (const page of directory.listAccounts('')) expect(page.length).toBeLessThanOrEqual(500);
  });
});

describe('aliases', () => {
  it('grow and shrink', async () => {
    const { directory, add, to } = await setUp();
    await add('bob@example.org');
    expect(await directory.addAlias('Team@example.org', ['BOB+Team@example.org', 'Eve@Else.org'])).toEqual({
      address: 'team@example.org',
      targets: ['bob+Team@example.org', 'Eve@else.org'],
    });
    await directory.addAlias('team@example.org', ['bob+Team@example.org', 'dan@else.org']);
    expect(await to('team@example.org')).toEqual(['local', 'bob@example.org', 'Eve@else.org', 'dan@else.org']);
    await directory.removeAlias('TEAM@example.org', ['Bob+Team@example.org']);
    await expect(directory.removeAlias('team@example.org', ['x@else.org'])).rejects.toMatchObject({
      code: 'not-found',
    });
    expect(await all(directory.listAliases('example.org'))).toEqual([
      { address: 'team@example.org', targets: ['Eve@else.org', 'dan@else.org'] },
    ]);
    await directory.removeAlias('team@example.org', ['Eve@else.org', 'dan@else.org']);
    expect(await all(directory.listAliases(''))).toEqual([]);
    await expect(directory.removeAlias('team@example.org', [])).rejects.toMatchObject({ code: 'not-found' });
  });

  it('have bounds', async () => {
    const { directory } = await setUp();
    const many = Array.from({ length: 1_001 }, (_, i) => `u${i}@else.org`);
    await expect(directory.addAlias('a@example.org', many)).rejects.toMatchObject({ code: 'limit-exceeded' });
    await directory.addAlias('a@example.org', many.slice(0, 1_000));
    await expect(directory.addAlias('a@example.org', many.slice(1_000))).rejects.toMatchObject({
      code: 'limit-exceeded',
    });
    await expect(directory.addAlias('b@example.org', [])).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(directory.addAlias('b@example.org', ['B@example.org'])).rejects.toMatchObject({
      code: 'invalid-argument',
    });
    await expect(directory.addAlias('b@else.org', ['c@example.org'])).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('postmaster', () => {
  it('is the oldest account that is not disabled, unless somebody is named', async () => {
    const { directory, add, to } = await setUp();
    expect(await to('postmaster@example.org')).toEqual(['unknown']);
    await add('zoe@example.org');
    await add('amy@example.org');
    expect(await to('Postmaster@example.org')).toEqual(['local', 'zoe@example.org']);
    expect(await to('postmaster')).toEqual(['local', 'zoe@example.org']);
    await directory.updateAccount('zoe@example.org', (row) => ({ ...row, disabled: true }));
    expect(await to('POSTMASTER')).toEqual(['local', 'amy@example.org']);
    await directory.addAlias('postmaster@example.org', ['root@else.org']);
    expect(await to('postmaster@example.org')).toEqual(['local', 'root@else.org']);
  });

  it('may be configured, and comes after the catch-all', async () => {
    const { directory, add, to } = await setUp({ postmaster: 'Root@else.org' });
    await add('amy@example.org');
    expect(await to('postmaster@example.org')).toEqual(['local', 'Root@else.org']);
    await directory.addAlias('*@example.org', ['amy@example.org']);
    expect(await to('postmaster@example.org')).toEqual(['local', 'amy@example.org']);
  });
});

it('what is no address of ours is told apart', async () => {
  const { to } = await setUp();
  expect(await to('a@[192.0.2.1]')).toEqual(['remote']);
  expect(await to('a@else.org')).toEqual(['remote']);
  for (const text of ['', 'a', '@example.org', 'a b@example.org', 'a@localhost@', '\ud800@example.org']) {
    expect(await to(text)).toEqual(['unknown']);
  }
});
