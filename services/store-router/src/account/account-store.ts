import type { DataCondition, DataMutation } from '@stoa/plugin-sdk';

/** Part of a commit that another component completes and makes. */
export interface CommitParts {
  conditions: DataCondition[];
  mutations: DataMutation[];
}

export interface AccountUsage {
  usedBytes: number;
  /** 0: no limit. */
  quotaBytes: number;
  messages: number;
}

/** The mail side of accounts, for those who create, change and delete accounts. */
export interface AccountStore {
  /**
   * Rows of a new account: its state, INBOX and the special-use mailboxes, all subscribed. Goes into the commit that
   * writes the account's directory rows. Its condition is that the account id is not in use.
   */
  creation(accountId: string, options: { quotaBytes: number }): CommitParts;
  /**
   * Makes the account's mail vanish at once and leaves a note for the purge to remove the mass of it. Goes into the
   * commit that removes the directory rows.
   */
  deletion(accountId: string): CommitParts;
  /** Rejects with `not-found` when there is no such account. */
  setQuota(accountId: string, quotaBytes: number): Promise<void>;
  /** Of an account that does not exist: undefined. */
  usage(accountId: string): Promise<AccountUsage | undefined>;
  /**
   * Whether accounts are below their quota, as far as is known. That one is, is believed without reading: the commit that
   * stores something finds out. That one is not, is read, with one read for all.
   */
  haveRoom(accountIds: readonly string[]): Promise<boolean[]>;
  /** Usage of many accounts with one read, in the same order. */
  usages(accountIds: readonly string[]): Promise<(AccountUsage | undefined)[]>;
}
