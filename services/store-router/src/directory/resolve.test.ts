import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accountKey, aliasKey, domainKey } from '../keys-directory.ts';
import { MAX_ADDRESSES, MAX_DEPTH, resolveAddress } from './resolve.ts';
import { encodeAccount, encodeAlias, encodeDomain } from './rows.ts';

interface World {
  domains: string[];
  accounts: string[];
  aliases: Record<string, string[]>;
  postmaster?: string;
}

function source({ domains, accounts, aliases, postmaster }: World) {
  const rows = new Map<string, Uint8Array>();
  for (const domain of domains)
    rows.set(domainKey(domain).toString('hex'), encodeDomain({ createdAt: 1, closing: false }));
  for (const address of accounts) {
    const row = { accountId: address, passwordHash: '', credentialVersion: 1, disabled: false, createdAt: 1 };
    rows.set(accountKey(address).toString('hex'), encodeAccount(row));
  }
  for (const [address, targets] of Object.entries(aliases)) {
    rows.set(aliasKey(address).toString('hex'), encodeAlias(targets));
  }
  return {
    get: async (keys: readonly Buffer[]) => keys.map((key) => rows.get(key.toString('hex'))),
    postmaster: async () => postmaster,
  };
}

async function resolve(world: World, address: string) {
  const { kind, local, remote } = await resolveAddress(source(world), address);
  const found = local.map((target) => target.address + (target.mailbox === '' ? '' : ` in ${target.mailbox}`));
  return { kind, to: [...found, ...remote].sort() };
}

const WORLD: World = {
  domains: ['a.org', 'b.org', 'c.org'],
  accounts: ['al@a.org', 'bo@a.org', 'bo+x@a.org', 'al@b.org'],
  aliases: {
    'list@a.org': ['al@a.org', 'bo+In/Lists@a.org', 'Out@else.org'],
    'sub+y@a.org': ['al@a.org'],
    '*@b.org': ['bo@a.org'],
    'bo@b.org': ['nobody@a.org'],
    'loop@a.org': ['pool@a.org'],
    'pool@a.org': ['loop@a.org', 'al@a.org'],
    'self@a.org': ['loop2@a.org'],
    'loop2@a.org': ['self@a.org'],
  },
};

describe('resolveAddress', () => {
  it.each([
    ['al@a.org', 'local', ['al@a.org']],
    ['AL@a.org', 'local', ['al@a.org']],
    ['Al+Work/Notes@a.org', 'local', ['al@a.org in Work/Notes']],
    ['al+@a.org', 'local', ['al@a.org']],
    ['bo+X@a.org', 'local', ['bo+x@a.org']],
    ['bo+x+y@a.org', 'local', ['bo@a.org in x+y']],
    ['list@a.org', 'local', ['Out@else.org', 'al@a.org', 'bo@a.org in In/Lists']],
    ['list+any@a.org', 'local', ['Out@else.org', 'al@a.org', 'bo@a.org in In/Lists']],
    ['sub+Y@a.org', 'local', ['al@a.org']],
    ['sub@a.org', 'unknown', []],
    ['nobody@a.org', 'unknown', []],
    ['nobody+x@b.org', 'local', ['bo@a.org']],
    ['*@b.org', 'local', ['bo@a.org']],
    ['al@b.org', 'local', ['al@b.org']],
    ['bo@b.org', 'unknown', []],
    ['loop@a.org', 'local', ['al@a.org']],
    ['self@a.org', 'unknown', []],
    ['al@else.org', 'remote', []],
    ['postmaster@a.org', 'unknown', []],
    ['postmaster@b.org', 'local', ['bo@a.org']],
  ])('%j is %s: %j', async (address, kind, to) => {
    expect(await resolve(WORLD, address)).toEqual({ kind, to });
  });

  it('finds a postmaster where the domain names none', async () => {
    const world = { ...WORLD, postmaster: 'al+Admin@a.org' };
    expect((await resolve(world, 'postmaster@c.org')).to).toEqual(['al@a.org in Admin']);
    expect((await resolve(world, 'PostMaster+x@c.org')).to).toEqual(['al@a.org in Admin']);
    expect((await resolve(world, 'postmaster@b.org')).to).toEqual(['bo@a.org']);
    expect((await resolve({ ...WORLD, postmaster: 'postmaster@c.org' }, 'postmaster@c.org')).kind).toBe('unknown');
    expect((await resolve({ ...WORLD, postmaster: 'root@else.org' }, 'postmaster@c.org')).to).toEqual([
      'root@else.org',
    ]);
  });

  it('refuses aliases that lead on without bound', async () => {
    const chain = (length: number): World => ({
      domains: ['a.org'],
      accounts: [`n${length}@a.org`],
      aliases: Object.fromEntries(Array.from({ length }, (_, i) => [`n${i}@a.org`, [`n${i + 1}@a.org`]])),
    });
    expect((await resolve(chain(MAX_DEPTH), 'n0@a.org')).kind).toBe('local');
    await expect(resolve(chain(MAX_DEPTH + 1), 'n0@a.org')).rejects.toMatchObject({ code: 'limit-exceeded' });
    const many = (count: number) => Array.from({ length: count }, (_, i) => `u${i}@else.org`);
    const wide = (count: number): World => ({ domains: ['a.org'], accounts: [], aliases: { 'w@a.org': many(count) } });
    expect((await resolve(wide(MAX_ADDRESSES - 1), 'w@a.org')).to.length).toBe(MAX_ADDRESSES - 1);
    await expect(resolve(wide(MAX_ADDRESSES), 'w@a.org')).rejects.toMatchObject({ code: 'limit-exceeded' });
  });

  it('agrees with a simple model', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', '*'];
    const address = fc
      .tuple(fc.constantFrom(...names), fc.constantFrom('', '+x', '+Y'), fc.constantFrom('p.org', 'q.org', 'r.org'))
      .map(([name, detail, domain]) => `${name}${name === '*' ? '' : detail}@${domain}`);
    const plain = fc.tuple(fc.constantFrom(...names), fc.constantFrom('p.org', 'q.org')).map(([n, d]) => `${n}@${d}`);
    const world = fc.record({
      accounts: fc.uniqueArray(
        plain.filter((each) => !each.startsWith('*')),
        { maxLength: 4 },
      ),
      aliases: fc.dictionary(plain, fc.array(address, { minLength: 1, maxLength: 4 }), { maxKeys: 8 }),
    });
    await fc.assert(
      fc.asyncProperty(world, address, async ({ accounts, aliases }, start) => {
        const full: World = { domains: ['p.org', 'q.org'], accounts, aliases };
        const got = await resolve(full, start).catch((error) => error.code);
        expect(got).toEqual(model(full, start));
      }),
      { numRuns: 500 },
    );
  });
});

/** Depth first, one address at a time. */
function model({ domains, accounts, aliases }: World, start: string) {
  const to = new Set<string>();
  const seen = new Set<string>();
  const isOurs = (address: string) => domains.includes(address.split('@')[1] ?? '');
  const visit = (address: string): void => {
    if (seen.has(address)) return;
    seen.add(address);
    if (!isOurs(address)) return void to.add(address);
    const [local = '', domain] = address.split('@');
    const [user, detail] = local.split('+');
    const base = `${user}@${domain}`;
    if (accounts.includes(base)) return void to.add(detail === undefined ? base : `${base} in ${detail}`);
    for (const target of aliases[base] ?? aliases[`*@${domain}`] ?? []) visit(target);
  };
  if (!isOurs(start)) return { kind: 'remote', to: [] };
  visit(start);
  return { kind: to.size > 0 ? 'local' : 'unknown', to: [...to].sort() };
}
