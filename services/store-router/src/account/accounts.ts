import type { DataStore } from '@stoa/plugin-sdk';
import { AccountKeys } from '../keys.ts';
import type { AccountStore, AccountUsage, CommitParts } from './account-store.ts';
import { AccountCache } from './cache.ts';
import { type CommitEnvironment, GroupCommit, newNonce } from './group-commit.ts';
import { newMailbox } from './mailboxes.ts';
import { DEFAULT_MAILBOXES } from './names.ts';
import { decodeAccountState, encodeAccountState, encodeMailbox, encodeMailboxStatus } from './rows.ts';
import type { AccountTransaction } from './transaction.ts';
import type { AccountView } from './view.ts';

export interface AccountsOptions {
  /** Bound of the cache of account rows, in octets. */
  cacheBytes: number;
  now(): number;
  delay?(ms: number): Promise<void>;
  random?(): number;
}

const MAX_RECENT_CLAIMS = 10_000;

/** All accounts of a data store: reading through the cache, writing through one group commit per account. */
export class Accounts implements AccountStore {
  readonly store: DataStore;
  readonly #cache: AccountCache;
  readonly #environment: CommitEnvironment;
  readonly #writers = new Map<string, GroupCommit>();
  readonly #recentClaims = new Map<string, number>();

  constructor(store: DataStore, options: AccountsOptions) {
    this.store = store;
    this.#cache = new AccountCache(store, options.cacheBytes);
    this.#environment = {
      now: options.now,
      delay: options.delay ?? ((ms) => new Promise((resolve) => setTimeout(resolve, ms))),
      random: options.random ?? Math.random,
      recentClaim: (accountId, mailboxId) => this.#recentClaims.get(`${accountId}/${mailboxId}`) ?? 0,
    };
  }

  now(): number {
    return this.#environment.now();
  }

  /** Runs an operation and commits what it changes; it may be run several times. Resolves when that is durable. */
  write<T>(accountId: string, run: (transaction: AccountTransaction) => Promise<T>, signal?: AbortSignal): Promise<T> {
    let writer = this.#writers.get(accountId);
    if (writer === undefined) {
      writer = new GroupCommit(accountId, this.#cache, this.#environment, () => this.#writers.delete(accountId));
      this.#writers.set(accountId, writer);
    }
    return writer.submit(run, signal);
  }

  /** Reads from a view that is current; `work` throws StaleView (by `cache.read`) to be run again. */
  reading<T>(accountId: string, work: (view: AccountView, cache: AccountCache) => Promise<T>): Promise<T> {
    return this.#cache.reading(accountId, (view) => work(view, this.#cache));
  }

  /**
   * As `reading`, from the view as it was last known, which saves a read: it has all commits of this router, and may lack
   * those of others.
   */
  readingKnown<T>(accountId: string, work: (view: AccountView, cache: AccountCache) => Promise<T>): Promise<T> {
    return this.#cache.reading(accountId, (view) => work(view, this.#cache), 'known');
  }

  /** The lowest UID that is still \Recent for the next session, the claims of this router's sessions considered. */
  recentFrom(accountId: string, mailboxId: number, stored: number): number {
    return Math.max(stored, this.#environment.recentClaim(accountId, mailboxId));
  }

  /**
   * A session takes the \Recent messages below `uidNext`. The claim is kept in memory and stored with the mailbox's next
   * change: after a crash, or on another router, messages may be shown as \Recent once more.
   */
  claimRecent(accountId: string, mailboxId: number, uidNext: number): void {
    const key = `${accountId}/${mailboxId}`;
    const claimed = Math.max(uidNext, this.#recentClaims.get(key) ?? 0);
    this.#recentClaims.delete(key);
    this.#recentClaims.set(key, claimed);
    if (this.#recentClaims.size > MAX_RECENT_CLAIMS) {
      for (const oldest of this.#recentClaims.keys()) {
        this.#recentClaims.delete(oldest);
        break;
      }
    }
  }

  creation(accountId: string, options: { quotaBytes: number }): CommitParts {
    const keys = new AccountKeys(accountId);
    const now = this.now();
    const modseq = 1;
    const mutations: CommitParts['mutations'] = [];
    let state = {
      lastModseq: modseq,
      nextMailboxId: 1,
      lastUidValidity: 0,
      usedBytes: 0,
      messages: 0,
      quotaBytes: options.quotaBytes,
      listModseq: modseq,
      nonces: newNonce(),
    };
    for (const { name, specialUse } of DEFAULT_MAILBOXES) {
      const made = newMailbox(state, { accountId, name, specialUse, now, modseq });
      state = { ...state, ...made.state };
      mutations.push(
        { type: 'put', key: keys.mailbox(made.mailbox.id), value: encodeMailbox(made.mailbox) },
        { type: 'put', key: keys.mailboxState(made.mailbox.id), value: encodeMailboxStatus(made.status) },
        { type: 'put', key: keys.subscription(name), value: Uint8Array.of(1) },
      );
    }
    mutations.push({ type: 'put', key: keys.state, value: encodeAccountState(state) });
    const conditions = [
      { key: keys.state, equals: undefined },
      { key: keys.tombstone(0), equals: undefined },
    ];
    return { conditions, mutations };
  }

  deletion(accountId: string): CommitParts {
    const keys = new AccountKeys(accountId);
    return {
      conditions: [],
      mutations: [
        { type: 'delete-range', range: keys.head() },
        { type: 'put', key: keys.tombstone(0), value: Uint8Array.of(1) },
      ],
    };
  }

  async setQuota(accountId: string, quotaBytes: number): Promise<void> {
    await this.write(accountId, async (transaction) => transaction.updateState({ quotaBytes }));
  }

  async usage(accountId: string): Promise<AccountUsage | undefined> {
    const [usage] = await this.usages([accountId]);
    return usage;
  }

  async haveRoom(accountIds: readonly string[]): Promise<boolean[]> {
    const rooms = accountIds.map((id) => {
      const known = this.#cache.peek(id)?.state;
      return known !== undefined && isBelowQuota(known);
    });
    const asked = accountIds.filter((_, i) => !rooms[i]);
    if (asked.length === 0) return rooms;
    const usages = await this.usages(asked);
    let next = 0;
    return rooms.map((room) => {
      if (room) return true;
      const usage = usages[next++];
      return usage === undefined || isBelowQuota(usage);
    });
  }

  async usages(accountIds: readonly string[]): Promise<(AccountUsage | undefined)[]> {
    const rows = await this.store.get(accountIds.map((id) => new AccountKeys(id).state));
    return rows.map((row) => {
      if (row === undefined) return undefined;
      const { usedBytes, quotaBytes, messages } = decodeAccountState(row);
      return { usedBytes, quotaBytes, messages };
    });
  }
}

function isBelowQuota({ quotaBytes, usedBytes }: AccountUsage): boolean {
  return quotaBytes === 0 || usedBytes < quotaBytes;
}
