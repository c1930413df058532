import {
  type DataCondition,
  type DataMutation,
  type DataStore,
  hasCode,
  type KeyRange,
  StoaError,
} from '@stoa/plugin-sdk';
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
import { scanPages } from '../scan-pages.ts';
import {
  aliasAddress,
  directoryAddress,
  domainName,
  domainOf,
  isAtLiteral,
  localOf,
  outsideAddress,
  targetAddress,
} from './address.ts';
import { type Resolution, resolveAddress } from './resolve.ts';
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
  /** Who gets the mail to postmaster where a domain does not say; the domain's oldest account without one. */
  postmaster?: string | undefined;
  now(): number;
}

export interface FoundAccount {
  address: string;
  row: AccountRow;
}

const MAX_ALIAS_TARGETS = 1_000;
const ATTEMPTS = 20;
/** Among so many accounts of a domain, the first by address, the oldest is looked for. */
const OLDEST_OF = 256;

/** Domains, accounts and aliases in the data store. Every change is one commit whose conditions keep the whole consistent. */
export class Directory {
  readonly cache: RowCache;
  readonly #store: DataStore;
  readonly #accounts: AccountStore;
  readonly #postmaster: string | undefined;
  readonly #now: () => number;

  constructor(options: DirectoryOptions) {
    this.#store = options.store;
    this.#accounts = options.accounts;
    this.#postmaster = options.postmaster === undefined ? undefined : outsideAddress(options.postmaster);
    this.#now = options.now;
    this.cache = new RowCache(options.store, options.now);
  }

  /** Where mail for an address goes; it is `postmaster` alone, or has a domain. Text that is no address leads nowhere. */
  resolve(text: string): Promise<Resolution> {
    return this.cache.derived(text, async (get) => {
      const isBare = text.toLowerCase() === 'postmaster';
      let address: string;
      try {
        address = outsideAddress(isBare ? await this.#ownPostmaster() : text);
      } catch (error) {
        if (!hasCode(error, 'invalid-argument')) throw error;
        // Nothing to keep: anybody may send any amount of such text.
        return { value: { kind: isAtLiteral(text) ? 'remote' : 'unknown', local: [], remote: [] }, kept: false };
      }
      // Who is the oldest account, or the domain, is not read through the cache.
      let kept = !isBare;
      const postmaster = async (domain: string) => {
        kept &&= this.#postmaster !== undefined;
        return this.#postmaster ?? (await this.#oldest(accountsOf(domain)));
      };
      const value = await resolveAddress({ get, postmaster }, address);
      return { value, kept };
    });
  }

  /** The address that the bare `postmaster` stands for (RFC 5321 section 4.5.1); none where there is no domain yet. */
  async #ownPostmaster(): Promise<string> {
    if (this.#postmaster !== undefined) return this.#postmaster;
    const [domain] = (await this.listDomains()).sort((a, b) => a.createdAt - b.createdAt);
    return `postmaster@${domain?.name ?? ''}`;
  }

  /** Address of the oldest account of a range that is not disabled. */
  async #oldest(range: KeyRange): Promise<string | undefined> {
    let oldest: FoundAccount | undefined;
    for await (const batch of this.#store.scan(range, { limit: OLDEST_OF })) {
      for (const { key, value } of batch) {
        const row = decodeAccount(value);
        // Ids sort by time.
        if (!row.disabled && (oldest === undefined || row.accountId < oldest.row.accountId)) {
          oldest = { address: addressOfKey(key), row };
        }
      }
    }
    return oldest?.address;
  }

  /** Rejects with `already-exists`. A domain whose deletion was begun and not finished is opened again. */
  async createDomain(text: string): Promise<{ name: string; createdAt: number }> {
    const name = domainName(text);
    const key = domainKey(name);
    return this.#retry(async () => {
      const [before] = await this.#store.get([key]);
      if (before !== undefined && !decodeDomain(before).closing) {
        throw new StoaError('already-exists', `the domain ${name} exists already`);
      }
      const createdAt = before === undefined ? this.#now() : decodeDomain(before).createdAt;
      await this.#commit(
        [{ key, equals: before }],
        [{ type: 'put', key, value: encodeDomain({ createdAt, closing: false }) }],
      );
      return { name, createdAt };
    });
  }

  /**
   * Removes a domain without accounts and aliases. It is closed first, so that nobody makes one after they were looked for:
   * what makes them needs the domain's row as it was. Rejects with `not-found`, or `failed-precondition` while it has some.
   */
  async deleteDomain(text: string): Promise<string> {
    const name = domainName(text);
    const key = domainKey(name);
    return this.#retry(async () => {
      const before = await this.#read(key, `there is no domain ${name}`);
      const { createdAt } = decodeDomain(before);
      const closed = encodeDomain({ createdAt, closing: true });
      await this.#commit([{ key, equals: before }], [{ type: 'put', key, value: closed }]);
      const used = (await this.#any(accountsOf(name))) || (await this.#any(aliasesOf(name)));
      if (used) {
        const open = encodeDomain({ createdAt, closing: false });
        await this.#commit([{ key, equals: closed }], [{ type: 'put', key, value: open }]);
        throw new StoaError(
          'failed-precondition',
          `the domain ${name} has accounts or aliases still; delete them first`,
        );
      }
      await this.#commit([{ key, equals: closed }], [{ type: 'delete', key }]);
      return name;
    });
  }

  async listDomains(): Promise<{ name: string; createdAt: number }[]> {
    const list: { name: string; createdAt: number }[] = [];
    for await (const page of scanPages(this.#store, domains())) {
      for (const { key, value } of page)
        list.push({ name: Buffer.from(key.subarray(2)).toString('utf8'), createdAt: decodeDomain(value).createdAt });
    }
    return list;
  }

  /** Rejects with `already-exists` when an account or alias has the address, `not-found` when the domain is not ours. */
  async createAccount(text: string, passwordHash: string, quotaBytes: number): Promise<FoundAccount> {
    const address = directoryAddress(text);
    if (localOf(address) === '*') {
      throw new StoaError('invalid-argument', `${address} is the catch-all of its domain: make it as an alias`);
    }
    return this.#retry(async () => {
      const [domainRow, account, alias] = await this.#store.get([
        domainKey(domainOf(address)),
        accountKey(address),
        aliasKey(address),
      ]);
      this.#checkDomain(address, domainRow);
      if (account !== undefined || alias !== undefined) throw inUse(address);
      const accountId = newAccountId(this.#now());
      const row: AccountRow = {
        accountId,
        passwordHash,
        credentialVersion: 1,
        disabled: false,
        createdAt: this.#now(),
      };
      const mail = this.#accounts.creation(accountId, { quotaBytes });
      await this.#commit(
        [
          { key: domainKey(domainOf(address)), equals: domainRow },
          { key: accountKey(address), equals: undefined },
          { key: aliasKey(address), equals: undefined },
          ...mail.conditions,
        ],
        [
          { type: 'put', key: accountKey(address), value: encodeAccount(row) },
          { type: 'put', key: addressKey(accountId), value: Buffer.from(address, 'utf8') },
          ...mail.mutations,
        ],
      );
      return { address, row };
    });
  }

  /** Changes an account's row. Rejects with `not-found`. */
  async updateAccount(text: string, change: (row: AccountRow) => AccountRow): Promise<FoundAccount> {
    const address = directoryAddress(text);
    const key = accountKey(address);
    return this.#retry(async () => {
      const before = await this.#read(key, `there is no account ${address}`);
      const row = change(decodeAccount(before));
      await this.#commit([{ key, equals: before }], [{ type: 'put', key, value: encodeAccount(row) }]);
      return { address, row };
    });
  }

  /** The account is gone at once; the mass of its mail is removed by the purge. Rejects with `not-found`. */
  async deleteAccount(text: string): Promise<FoundAccount> {
    const address = directoryAddress(text);
    const key = accountKey(address);
    return this.#retry(async () => {
      const before = await this.#read(key, `there is no account ${address}`);
      const row = decodeAccount(before);
      const mail = this.#accounts.deletion(row.accountId);
      await this.#commit(
        [{ key, equals: before }, ...mail.conditions],
        [{ type: 'delete', key }, { type: 'delete', key: addressKey(row.accountId) }, ...mail.mutations],
      );
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

  async findAccountById(accountId: string, fresh = false): Promise<FoundAccount | undefined> {
    if (!/^[0-9a-f]{16}$/.test(accountId)) return undefined;
    if (fresh) this.cache.drop(addressKey(accountId));
    const [row] = await this.cache.get([addressKey(accountId)]);
    if (row === undefined) return undefined;
    const address = Buffer.from(row).toString('utf8');
    if (fresh) this.cache.drop(accountKey(address));
    return this.findAccount(address);
  }

  /** Pages of accounts, in the order of their domains and addresses. */
  async *listAccounts(domain: string, signal?: AbortSignal): AsyncGenerator<FoundAccount[]> {
    for await (const page of scanPages(this.#store, accountsOf(domain === '' ? '' : domainName(domain)), { signal })) {
      yield page.map(({ key, value }) => ({ address: addressOfKey(key), row: decodeAccount(value) }));
    }
  }

  async countAccounts(): Promise<number> {
    let count = 0;
    for await (const page of scanPages(this.#store, accountsOf(''), { keysOnly: true })) count += page.length;
    return count;
  }

  /** Makes an alias, or adds targets to it. Rejects with `already-exists` when an account has the address. */
  async addAlias(text: string, targets: readonly string[]): Promise<{ address: string; targets: string[] }> {
    const address = aliasAddress(text);
    if (targets.length === 0) throw new StoaError('invalid-argument', 'an alias needs a target');
    if (targets.length > MAX_ALIAS_TARGETS) throw tooManyTargets();
    const wanted = await this.#targets(targets);
    if (wanted.includes(address)) throw new StoaError('invalid-argument', `${address} would lead to itself`);
    return this.#retry(async () => {
      const [domainRow, account, before] = await this.#store.get([
        domainKey(domainOf(address)),
        accountKey(address),
        aliasKey(address),
      ]);
      this.#checkDomain(address, domainRow);
      if (account !== undefined) throw inUse(address);
      const all = [...new Set([...(before === undefined ? [] : decodeAlias(before)), ...wanted])];
      if (all.length > MAX_ALIAS_TARGETS) throw tooManyTargets();
      await this.#commit(
        [
          { key: domainKey(domainOf(address)), equals: domainRow },
          { key: accountKey(address), equals: undefined },
          { key: aliasKey(address), equals: before },
        ],
        [{ type: 'put', key: aliasKey(address), value: encodeAlias(all) }],
      );
      return { address, targets: all };
    });
  }

  /** Removes targets of an alias, or all of it. Rejects with `not-found` when it has none of them. */
  async removeAlias(text: string, targets: readonly string[]): Promise<string> {
    const address = aliasAddress(text);
    const key = aliasKey(address);
    // A target was stored in the form that fitted then: its domain may have become ours, or ceased to be.
    const unwanted = new Set(targets.flatMap((target) => [outsideAddress(target), targetAddress(target)]));
    return this.#retry(async () => {
      const before = await this.#read(key, `there is no alias ${address}`);
      const all = decodeAlias(before);
      const left = targets.length === 0 ? [] : all.filter((target) => !unwanted.has(target));
      if (left.length === all.length) throw new StoaError('not-found', `the alias ${address} has no such target`);
      await this.#commit(
        [{ key, equals: before }],
        [left.length === 0 ? { type: 'delete', key } : { type: 'put', key, value: encodeAlias(left) }],
      );
      return address;
    });
  }

  /** Pages of aliases, in the order of their domains and addresses. */
  async *listAliases(domain: string, signal?: AbortSignal): AsyncGenerator<{ address: string; targets: string[] }[]> {
    for await (const page of scanPages(this.#store, aliasesOf(domain === '' ? '' : domainName(domain)), { signal })) {
      yield page.map(({ key, value }) => ({ address: addressOfKey(key), targets: decodeAlias(value) }));
    }
  }

  /** Folded for domains of ours, as written for others. */
  async #targets(texts: readonly string[]): Promise<string[]> {
    const rows = await this.#store.get(texts.map((text) => domainKey(domainOf(outsideAddress(text)))));
    return texts.map((text, i) => (rows[i] === undefined ? outsideAddress(text) : targetAddress(text)));
  }

  async #read(key: Buffer, missing: string): Promise<Uint8Array> {
    const [row] = await this.#store.get([key]);
    if (row === undefined) throw new StoaError('not-found', missing);
    return row;
  }

  async #any(range: KeyRange): Promise<boolean> {
    for await (const batch of this.#store.scan(range, { limit: 1, keysOnly: true })) if (batch.length > 0) return true;
    return false;
  }

  #checkDomain(address: string, row: Uint8Array | undefined): asserts row is Uint8Array {
    const domain = domainOf(address);
    if (row === undefined) {
      throw new StoaError('not-found', `there is no domain ${domain}; add it with \`stoa domain add ${domain}\``);
    }
    if (decodeDomain(row).closing) {
      throw new StoaError('failed-precondition', `the domain ${domain} is being deleted; add it again to keep it`);
    }
  }

  /** A commit after which none of the rows it wrote or looked at is believed. */
  async #commit(conditions: DataCondition[], mutations: DataMutation[]): Promise<void> {
    try {
      await this.#store.commit({ conditions, mutations });
    } finally {
      for (const { key } of conditions) this.cache.drop(Buffer.from(key));
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

function inUse(address: string): StoaError {
  return new StoaError('already-exists', `the address ${address} is in use`);
}

function tooManyTargets(): StoaError {
  return new StoaError('limit-exceeded', `an alias has at most ${MAX_ALIAS_TARGETS} targets`);
}
