import type { DataCondition, DataMutation, DataStore, KeyRange, SearchStore } from '@stoa/plugin-sdk';
import { AccountKeys, accountOfKey, accountsFrom, lastNumber, logModseq, mailboxOfLog, messageLink } from '../keys.ts';
import type { Accounts } from './accounts.ts';
import { decodeMarker, decodeMessageRow, decodeVanished } from './rows.ts';

/** For how long a repeated idempotency key is recognised. */
export const IDEMPOTENCY_MS = 24 * 60 * 60_000;

const MESSAGES_PER_COMMIT = 1000;
const ROWS_PER_COMMIT = 4000;

export interface PurgeOptions {
  /** Entries of the change log older than this are removed. */
  changeLogMs: number;
  now(): number;
  /** Conditions that hold while the caller's lease does; part of every commit that is not an account's own. */
  fence?(): Promise<readonly DataCondition[]>;
  signal?: AbortSignal | undefined;
}

export interface PurgeProgress {
  examined: number;
  removedKeys: number;
}

interface Stores {
  accounts: Accounts;
  search: Pick<SearchStore, 'remove'>;
}

/** Ids of all accounts that have rows, deleted ones included, ascending. */
export async function* accountIds(store: DataStore): AsyncGenerator<string> {
  const range = accountsFrom(undefined);
  for (;;) {
    let key: Uint8Array | undefined;
    for await (const batch of store.scan(range, { limit: 1, keysOnly: true })) key = batch[0]?.key;
    if (key === undefined) return;
    const accountId = accountOfKey(key);
    yield accountId;
    range.start = new AccountKeys(accountId).all().end;
  }
}

/** Removes what has expired or was deleted, account by account. Yields its progress, counted from the beginning. */
export async function* purgeAccounts(stores: Stores, options: PurgeOptions): AsyncGenerator<PurgeProgress> {
  const progress: PurgeProgress = { examined: 0, removedKeys: 0 };
  for await (const accountId of accountIds(stores.accounts.store)) {
    const purge = new AccountPurge(stores, options, accountId);
    for await (const removed of purge.run()) {
      progress.removedKeys += removed;
      yield { ...progress };
    }
    progress.examined++;
    yield { ...progress };
  }
}

class AccountPurge {
  readonly #accounts: Accounts;
  readonly #store: DataStore;
  readonly #search: Stores['search'];
  readonly #options: PurgeOptions;
  readonly #keys: AccountKeys;

  constructor({ accounts, search }: Stores, options: PurgeOptions, accountId: string) {
    this.#accounts = accounts;
    this.#store = accounts.store;
    this.#search = search;
    this.#options = options;
    this.#keys = new AccountKeys(accountId);
  }

  /** Yields how many rows each step removed. */
  async *run(): AsyncGenerator<number> {
    const gone: number[] = [];
    for await (const batch of this.#store.scan(this.#keys.tombstones(), { keysOnly: true })) {
      for (const { key } of batch) gone.push(lastNumber(key));
    }
    if (gone[0] === 0) {
      yield* this.#removeAccount();
      return;
    }
    for (const mailboxId of gone) yield* this.#removeMailbox(mailboxId);
    yield* this.#trimLog();
    yield* this.#forgetMarkers();
  }

  async #commit(mutations: readonly DataMutation[]): Promise<void> {
    this.#options.signal?.throwIfAborted();
    const conditions = (await this.#options.fence?.()) ?? [];
    await this.#store.commit({ conditions, mutations });
  }

  /** Rows at the beginning of a range. */
  async #first(range: KeyRange, limit: number) {
    const entries = [];
    for await (const batch of this.#store.scan(range, { limit })) entries.push(...batch);
    return entries;
  }

  /** Message rows with the links that they hold; the blobs are then for the garbage collection. */
  async *#removeMessages(range: KeyRange): AsyncGenerator<number> {
    for (;;) {
      const entries = await this.#first(range, MESSAGES_PER_COMMIT);
      if (entries.length === 0) return;
      const mutations = entries.flatMap(({ key, value }): DataMutation[] => {
        const { blobId } = decodeMessageRow(value);
        const link = messageLink(blobId, this.#keys, lastNumber(key.subarray(0, -4)), lastNumber(key));
        return [
          { type: 'delete', key },
          { type: 'delete', key: link },
        ];
      });
      await this.#commit(mutations);
      yield mutations.length;
    }
  }

  async *#removeMailbox(mailboxId: number): AsyncGenerator<number> {
    const keys = this.#keys;
    yield* this.#removeMessages(keys.messages(mailboxId));
    await this.#search.remove({ accountId: keys.accountId, mailboxId });
    await this.#commit([
      { type: 'delete-range', range: keys.index(mailboxId) },
      { type: 'delete-range', range: keys.logs(mailboxId) },
      { type: 'delete', key: keys.indexed(mailboxId) },
      { type: 'delete', key: keys.tombstone(mailboxId) },
    ]);
    yield 1;
  }

  async *#removeAccount(): AsyncGenerator<number> {
    yield* this.#removeMessages(this.#keys.allMessages());
    await this.#search.remove({ accountId: this.#keys.accountId });
    await this.#commit([{ type: 'delete-range', range: this.#keys.all() }]);
    yield 1;
  }

  async *#trimLog(): AsyncGenerator<number> {
    const before = this.#options.now() - this.#options.changeLogMs;
    let expired: Uint8Array[] = [];
    for await (const batch of this.#store.scan(this.#keys.logs())) {
      for (const { key, value } of batch) if (decodeVanished(value).at < before) expired.push(key);
    }
    for (; expired.length > 0; expired = expired.slice(ROWS_PER_COMMIT)) {
      const some = expired.slice(0, ROWS_PER_COMMIT);
      const floors = new Map<number, number>();
      for (const key of some) floors.set(mailboxOfLog(key), logModseq(key));
      this.#options.signal?.throwIfAborted();
      const fence = (await this.#options.fence?.()) ?? [];
      // The floor of each log moves in the commit that removes its rows, so that no reader misses what is gone.
      await this.#accounts.write(this.#keys.accountId, async (transaction) => {
        for (const { key, equals } of fence) transaction.require(key, equals);
        for (const [mailboxId, floor] of floors) {
          if (!transaction.list.mailboxes.has(mailboxId)) continue;
          const status = await transaction.status(mailboxId);
          transaction.setStatusQuietly(mailboxId, { ...status, logFloor: Math.max(status.logFloor, floor) });
        }
        for (const key of some) transaction.delete(key);
      });
      yield some.length;
    }
  }

  async *#forgetMarkers(): AsyncGenerator<number> {
    const before = this.#options.now() - IDEMPOTENCY_MS;
    let expired: DataMutation[] = [];
    for await (const batch of this.#store.scan(this.#keys.idempotencies())) {
      for (const { key, value } of batch) if (decodeMarker(value).at < before) expired.push({ type: 'delete', key });
    }
    for (; expired.length > 0; expired = expired.slice(ROWS_PER_COMMIT)) {
      const some = expired.slice(0, ROWS_PER_COMMIT);
      await this.#commit(some);
      yield some.length;
    }
  }
}
