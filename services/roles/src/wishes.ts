/** Accounts that wait for a run, at most; beyond it the run is about all. */
const ACCOUNTS_LIMIT = 10_000;

/** What the next run shall be about: nothing, some accounts, or all. */
export class Wishes {
  #accounts = new Set<string>();
  #all = false;

  get any(): boolean {
    return this.#all || this.#accounts.size > 0;
  }

  add(accountId: string): void {
    if (this.#all) return;
    this.#accounts.add(accountId);
    if (this.#accounts.size > ACCOUNTS_LIMIT) this.addAll();
  }

  addAll(): void {
    this.#all = true;
    this.#accounts.clear();
  }

  clear(): void {
    this.#all = false;
    this.#accounts.clear();
  }

  /** Takes everything: the accounts, or an empty list for all. */
  take(): string[] {
    const accounts = this.#all ? [] : [...this.#accounts];
    this.clear();
    return accounts;
  }
}
