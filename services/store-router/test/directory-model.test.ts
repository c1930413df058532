import { isStoaError } from '@stoa/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { testDirectory } from './support/directory.ts';
import { ChaoticStore, Interleaver } from './support/interleaver.ts';
import { MemoryDataStore } from './support/memory-data-store.ts';

const DOMAINS = ['a.example', 'b.example'];
const NAMES = ['x', 'y', 'z'];

type Outcome = 'done' | string;

/** Two routers change one directory at the same time. */
async function run(seed: number) {
  const interleaver = new Interleaver(seed);
  const { random } = interleaver;
  const data = new MemoryDataStore();
  const clock = { now: 1_000_000 };
  const routers = Array.from({ length: 2 }, () => testDirectory({ store: new ChaoticStore(data, interleaver), clock }));
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T;
  const counts = new Map<string, number>();
  const step = async () => {
    clock.now += 1;
    const { directory } = pick(routers);
    const domain = pick(DOMAINS);
    const address = `${pick(NAMES)}@${domain}`;
    const target = `${pick(NAMES)}@${pick(DOMAINS)}`;
    const actions = {
      createDomain: () => directory.createDomain(domain),
      deleteDomain: () => directory.deleteDomain(domain),
      createAccount: () => directory.createAccount(address, '', 0),
      deleteAccount: () => directory.deleteAccount(address),
      addAlias: () => directory.addAlias(address, [target]),
      removeAlias: () => directory.removeAlias(address, []),
      resolve: () => directory.resolve(address),
    };
    const name = pick(Object.keys(actions)) as keyof typeof actions;
    const outcome: Outcome = await actions[name]().then(
      () => 'done',
      (error: unknown) => (isStoaError(error) ? error.code : String(error)),
    );
    const subject = name.endsWith('Domain') ? domain : address;
    counts.set(`${name} ${subject} ${outcome}`, (counts.get(`${name} ${subject} ${outcome}`) ?? 0) + 1);
  };
  const client = async () => {
    for (let i = 0; i < 25; i++) await step();
  };
  await interleaver.run(Promise.all(Array.from({ length: 4 }, client)));
  return { data, counts };
}

describe('the directory under two routers', () => {
  it('never has an address twice, an account or alias without its domain, or mail rows without an account', async () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 60; seed++) {
      const { data, counts } = await run(seed);
      for (const key of counts.keys()) seen.add(key.replace(/ .* /, ' '));
      const { directory, accounts: mail } = testDirectory({ store: data });
      const domains = new Set((await directory.listDomains()).map(({ name }) => name));
      const accounts: string[] = [];
      const aliases: string[] = [];
      for await (const page of directory.listAccounts('')) {
        for (const { address, row } of page) {
          accounts.push(address);
          expect((await directory.findAccountById(row.accountId))?.address).toBe(address);
          expect(await mail.usage(row.accountId)).toBeDefined();
        }
      }
      for await (const page of directory.listAliases('')) aliases.push(...page.map(({ address }) => address));
      for (const address of [...accounts, ...aliases]) expect(domains).toContain(address.split('@')[1]);
      expect(accounts.filter((address) => aliases.includes(address))).toEqual([]);
      // Each that is there was made once more often than it was deleted.
      const times = (name: string) => counts.get(`${name} done`) ?? 0;
      for (const domain of DOMAINS) {
        for (const address of NAMES.map((name) => `${name}@${domain}`)) {
          const left = times(`createAccount ${address}`) - times(`deleteAccount ${address}`);
          expect(left).toBe(accounts.includes(address) ? 1 : 0);
        }
      }
      // The rows of accounts that are there, and of no others, have no tombstone.
      const states = data.entries().filter(([key]) => key[0] === 0x41 && key[9] === 0x00).length;
      expect(states).toBe(accounts.length);
    }
    expect([...seen].filter((each) => each.endsWith('done')).length).toBe(7);
    expect([...seen].filter((each) => !/done|already-exists|not-found|failed-precondition/.test(each))).toEqual([
      // An alias of its own address, which the test asks for now and then.
      'addAlias invalid-argument',
    ]);
  });
});
