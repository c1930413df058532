import { type DataStore, hasCode, StoaError } from '@stoa/plugin-sdk';
import { type AccountStore, newAccountId } from '../account/index.ts';
import {
  accountKey,
  accountsOf,
  addressKey,
  addressOfKey,
  aliasesOf,
  aliasKey,
  domainKey,
  domains,
} from '../keys-directory.ts';
import { aliasAddress, directoryAddress, domainName, domainOf, outsideAddress } from './address.ts';
import { RowCache } from './row-cache.ts';
import {
  type AccountRow,
  decodeAccount,
  decodeAlias,
  decodeDomain,
  encodeAccount,
  encodeAlias,
  encodeDomain,
} from './rows.ts';

export interface DirectoryOptions {
  store: DataStore;
  accounts: AccountStore;
  now(): number;
}

export interface FoundAccount {
  address: string;
  row: AccountRow;
}

const MAX_ALIAS_TARGETS = 1_000;
const ATTEMPTS = 20;
const PAGE = 500;

/** Domains, accounts and aliases in the data store. Every change is one commit whose conditions keep the whole consistent. */
export class Directory {
  readonly cache: RowCache;
  readonly #store: DataStore;
  readonly #accounts: AccountStore;
  readonly #now: () => number;

  constructor(options: DirectoryOptions) {
    this.#store = options.store;
    this.#accounts = options.accounts;
    this.#now = options.now;
    this.cache = new RowCache(options.store, options.now);
  }

  async createDomain(text: string): Promise<{ name: string; createdAt: number }> {
    const name = domainName(text);
    const createdAt = this.#now();
    await this.#once(`the domain ${name} exists already`, {
      conditions: [{ key: domainKey(name), equals: undefined }],
      mutations: [{ type: 'put', key: domainKey(name), value: encodeDomain({ createdAt, closing: false }) }],
    });
    this.cache.drop(domainKey(name));
    return { name, createdAt };
  }

  /**
   * Removes a domain without accounts and aliases. It is closed first, so that nobody makes one after they were looked for:
   * what makes them needs the domain's row as it was.
   */
  async deleteDomain(text: string): Promise<string> {
    const name = domainName(text);
    const open = await this.#read(domainKey(name), `there is no domain ${name}`);
    const closed = encodeDomain({ ...decodeDomain(open), closing: true });
    await this.#store.commit({
      conditions: [{ key: domainKey(name), equals: open }],
      mutations: [{ type: 'put', key: domainKey(name), value: closed }],
    });
    const used = (await this.#any(accountsOf(name))) || (await this.#any(aliasesOf(name)));
    await this.#store.commit({
      conditions: [{ key: domainKey(name), equals: closed }],
      mutations: [
        used
          ? { type: 'put', key: domainKey(name), value: encodeDomain({ ...decodeDomain(open), closing: false }) }
          : { type: 'delete', key: domainKey(name) },
      ],
    });
    this.cache.drop(domainKey(name));
    if (used)
      throw new StoaError('failed-precondition', `the domain ${name} has accounts or aliases still; delete them first`);
    return name;
  }

  async listDomains(): Promise<{ name: string; createdAt: number }[]> {
    const list: { name: string; createdAt: number }[] = [];
    for await (const batch of this.#store.scan(domains())) {
      for (const { key, value } of batch)
        list.push({ name: Buffer.from(key.subarray(2)).toString('utf8'), createdAt: decodeDomain(value).createdAt });
    }
    return list;
  }

  async createAccount(text: string, passwordHash: string, quotaBytes: number): Promise<FoundAccount> {
    const address = directoryAddress(text);
    const accountId = newAccountId(this.#now());
    const row: AccountRow = { accountId, passwordHash, credentialVersion: 1, disabled: false, createdAt: this.#now() };
    const mail = this.#accounts.creation(accountId, { quotaBytes });
    await this.#inDomain(address, {
      conditions: [
        { key: accountKey(address), equals: undefined },
        { key: aliasKey(address), equals: undefined },
        ...mail.conditions,
      ],
      mutations: [
        { type: 'put', key: accountKey(address), value: encodeAccount(row) },
        { type: 'put', key: addressKey(accountId), value: Buffer.from(address, 'utf8') },
        ...mail.mutations,
      ],
    });
    return { address, row };
  }

  /** Changes an account's row. Rejects with `not-found`. */
  async updateAccount(text: string, change: (row: AccountRow) => AccountRow): Promise<FoundAccount> {
    const address = directoryAddress(text);
    return this.#retry(async () => {
      const before = await this.#read(accountKey(address), `there is no account ${address}`);
      const row = change(decodeAccount(before));
      await this.#store.commit({
        conditions: [{ key: accountKey(address), equals: before }],
        mutations: [{ type: 'put', key: accountKey(address), value: encodeAccount(row) }],
      });
      this.cache.drop(accountKey(address));
      return { address, row };
    });
  }

  /** The account is gone at once; the mass of its mail is removed by the purge. */
  async deleteAccount(text: string): Promise<FoundAccount> {
    const address = directoryAddress(text);
    return this.#retry(async () => {
      const before = await this.#read(accountKey(address), `there is no account ${address}`);
      const row = decodeAccount(before);
      const mail = this.#accounts.deletion(row.accountId);
      await this.#store.commit({
        conditions: [{ key: accountKey(address), equals: before }, ...mail.conditions],
        mutations: [
          { type: 'delete', key: accountKey(address) },
          { type: 'delete', key: addressKey(row.accountId) },
          ...mail.mutations,
        ],
      });
      this.cache.drop(accountKey(address));
      return { address, row };
    });
  }

  /** By address, as anyone may type it; undefined when there is none or the text is no address. */
  async findAccount(text: string): Promise<FoundAccount | undefined> {
    let address: string;
    try {
      address = directoryAddress(text);
    } catch {
      return undefined;
    }
    const [row] = await this.cache.get([accountKey(address)]);
    return row === undefined ? undefined : { address, row: decodeAccount(row) };
  }

  async findAccountById(accountId: string): Promise<FoundAccount | undefined> {
    if (!/^[0-9a-f]{16}$/.test(accountId)) return undefined;
    const [address] = await this.cache.get([addressKey(accountId)]);
    return address === undefined ? undefined : this.findAccount(Buffer.from(address).toString('utf8'));
  }

  /** Pages of accounts, in the order of their addresses. */
  async *listAccounts(domain: string): AsyncGenerator<FoundAccount[]> {
    const range = accountsOf(domain === '' ? '' : domainName(domain));
    for await (const batch of this.#store.scan(range)) {
      for (let at = 0; at < batch.length; at += PAGE) {
        yield batch
          .slice(at, at + PAGE)
          .map(({ key, value }) => ({ address: addressOfKey(key), row: decodeAccount(value) }));
      }
    }
  }

  async addAlias(text: string, targets: readonly string[]): Promise<{ address: string; targets: string[] }> {
    const address = aliasAddress(text);
    const wanted = await Promise.all(targets.map((target) => this.#target(target)));
    if (wanted.length === 0) throw new StoaError('invalid-argument', 'an alias needs a target');
    return this.#retry(async () => {
      const [before] = await this.#store.get([aliasKey(address)]);
      const all = [...new Set([...(before === undefined ? [] : decodeAlias(before)), ...wanted])];
      if (all.length > MAX_ALIAS_TARGETS)
        throw new StoaError('limit-exceeded', `an alias has at most ${MAX_ALIAS_TARGETS} targets`);
      await this.#inDomain(address, {
        conditions: [
          { key: aliasKey(address), equals: before },
          { key: accountKey(address), equals: undefined },
        ],
        mutations: [{ type: 'put', key: aliasKey(address), value: encodeAlias(all) }],
      });
      this.cache.drop(aliasKey(address));
      return { address, targets: all };
    });
  }

  /** Removes targets of an alias, or all of it. */
  async removeAlias(text: string, targets: readonly string[]): Promise<string> {
    const address = aliasAddress(text);
    const unwanted = new Set(await Promise.all(targets.map((target) => this.#target(target))));
    return this.#retry(async () => {
      const before = await this.#read(aliasKey(address), `there is no alias ${address}`);
      const left = targets.length === 0 ? [] : decodeAlias(before).filter((target) => !unwanted.has(target));
      await this.#store.commit({
        conditions: [{ key: aliasKey(address), equals: before }],
        mutations: [
          left.length === 0
            ? { type: 'delete', key: aliasKey(address) }
            : { type: 'put', key: aliasKey(address), value: encodeAlias(left) },
        ],
      });
      this.cache.drop(aliasKey(address));
      return address;
    });
  }

  async *listAliases(domain: string): AsyncGenerator<{ address: string; targets: string[] }[]> {
    for await (const batch of this.#store.scan(aliasesOf(domain === '' ? '' : domainName(domain)))) {
      yield batch.map(({ key, value }) => ({ address: addressOfKey(key), targets: decodeAlias(value) }));
    }
  }

  /** Canonical for a domain of ours, as written for others. */
  async #target(text: string): Promise<string> {
    const outside = outsideAddress(text);
    const [row] = await this.#store.get([domainKey(domainOf(outside))]);
    return row === undefined ? outside : directoryAddress(text);
  }

  async #read(key: Buffer, missing: string): Promise<Uint8Array> {
    const [row] = await this.#store.get([key]);
    if (row === undefined) throw new StoaError('not-found', missing);
    return row;
  }

  async #any(range: { start: Uint8Array; end: Uint8Array }): Promise<boolean> {
    for await (const batch of this.#store.scan(range, { limit: 1, keysOnly: true })) if (batch.length > 0) return true;
    return false;
  }

  /** A commit that needs the address's domain to be there and open, and the address to be free. */
  async #inDomain(address: string, commit: Parameters<DataStore['commit']>[0]): Promise<void> {
    const domain = domainOf(address);
    const row = await this.#read(
      domainKey(domain),
      `there is no domain ${domain}; add it with \`stoa domain add ${domain}\``,
    );
    if (decodeDomain(row).closing) throw new StoaError('failed-precondition', `the domain ${domain} is being deleted`);
    await this.#once(`the address ${address} is in use`, {
      conditions: [{ key: domainKey(domain), equals: row }, ...commit.conditions],
      mutations: commit.mutations,
    });
    this.cache.drop(accountKey(address));
    this.cache.drop(aliasKey(address));
  }

  async #once(taken: string, commit: Parameters<DataStore['commit']>[0]): Promise<void> {
    try {
      await this.#store.commit(commit);
    } catch (error) {
      if (hasCode(error, 'conflict')) throw new StoaError('already-exists', taken, { cause: error });
      throw error;
    }
  }

  async #retry<T>(run: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await run();
      } catch (error) {
        if (!hasCode(error, 'conflict') || attempt === ATTEMPTS) throw error;
      }
    }
  }
}
