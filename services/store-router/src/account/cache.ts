import { type DataStore, StoaError } from '@stoa/plugin-sdk';
import { AccountKeys, parseHeadKey } from '../keys.ts';
import { MailboxList } from './mailbox-list.ts';
import { decodeAccountState } from './rows.ts';
import { AccountView } from './view.ts';

/** Thrown inside when a row was read under another guard than the view's: the work begins again with a newer view. */
export class StaleView extends Error {}

/** How often work on a view begins again before it gives up. */
const MAX_ATTEMPTS = 20;

/** A commit that is refused costs as much as many reads of one row. */
const OVERTAKEN_SELDOM = 0.05;
/** About so many uses of views are remembered. */
const OVERTAKEN_OF = 32;

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}

/** Views of the accounts that were used last. A view costs one small read to be known as current. */
export class AccountCache {
  readonly store: DataStore;
  readonly #maxBytes: number;
  readonly #views = new Map<string, { view: AccountView; weight: number }>();
  #weight = 0;
  /** Which part of the views that were used of late another router had overtaken, from 0 to 1; the last ones count most. */
  #overtaken = 0;

  constructor(store: DataStore, maxBytes: number) {
    this.store = store;
    this.#maxBytes = maxBytes;
  }

  /** The view as it was last known, if it is held. */
  peek(accountId: string): AccountView | undefined {
    return this.#views.get(accountId)?.view;
  }

  /** The view as it was last known; it may have been overtaken by another router. */
  async known(accountId: string): Promise<AccountView> {
    return this.#views.get(accountId)?.view ?? (await this.#load(accountId));
  }

  /**
   * The view to base a commit on, whose condition proves it right: as it was last known, which saves a read, or the current one
   * where other routers change the same accounts, which saves commits that are refused.
   */
  likely(accountId: string): Promise<AccountView> {
    return this.#overtaken < OVERTAKEN_SELDOM ? this.known(accountId) : this.current(accountId);
  }

  /** Takes note that a view, as it was kept here, was proved right. */
  provedRight(): void {
    this.#overtaken -= this.#overtaken / OVERTAKEN_OF;
  }

  /** A view that was current at some time after the call. Rejects with `not-found` when there is no such account. */
  async current(accountId: string): Promise<AccountView> {
    const view = this.#views.get(accountId)?.view;
    if (view === undefined) return this.#load(accountId);
    const guardBefore = view.guard;
    const [guard] = await this.store.get([view.keys.state]);
    if (guard !== undefined && sameBytes(guard, guardBefore)) {
      this.provedRight();
      return view;
    }
    this.#supersede(view, guardBefore, guard);
    return this.#views.get(accountId)?.view ?? (await this.#load(accountId));
  }

  /**
   * Reads rows under the guard of the view: the view is current when the rows are returned, or StaleView is thrown (and
   * the next view will be newer).
   */
  async read(view: AccountView, keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    const guardBefore = view.guard;
    const [guard, ...rows] = await this.store.get([view.keys.state, ...keys]);
    if (guard === undefined || !sameBytes(guard, guardBefore)) {
      this.#supersede(view, guardBefore, guard);
      throw new StaleView();
    }
    if (view.guard !== guardBefore) throw new StaleView();
    return rows;
  }

  /**
   * Runs work that reads from a view, again with a newer one each time it throws StaleView. The first view is current, or only
   * `known`: after a commit of this router it has that commit at least.
   */
  async reading<T>(
    accountId: string,
    work: (view: AccountView) => Promise<T>,
    first: 'current' | 'known' = 'current',
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const view = await (attempt === 1 && first === 'known' ? this.known(accountId) : this.current(accountId));
      try {
        return await work(view);
      } catch (error) {
        if (!(error instanceof StaleView)) throw error;
        if (attempt === MAX_ATTEMPTS) throw new StoaError('conflict', 'the account changes too quickly to be read');
      }
    }
  }

  drop(accountId: string): void {
    const entry = this.#views.get(accountId);
    if (entry === undefined) return;
    this.#views.delete(accountId);
    this.#weight -= entry.weight;
  }

  /** To be called after a view grew: accounts that were not used for longest make room. */
  touch(view: AccountView): void {
    const accountId = view.keys.accountId;
    const entry = this.#views.get(accountId);
    if (entry?.view !== view) return;
    this.#weight += view.weight - entry.weight;
    entry.weight = view.weight;
    this.#views.delete(accountId);
    this.#views.set(accountId, entry);
    for (const oldest of this.#views.keys()) {
      if (this.#weight <= this.#maxBytes || oldest === accountId) break;
      this.drop(oldest);
    }
  }

  /** Makes this the view of its account. */
  keep(view: AccountView): AccountView {
    this.drop(view.keys.accountId);
    this.#views.set(view.keys.accountId, { view, weight: 0 });
    this.touch(view);
    return view;
  }

  /** Takes note that the guard row has other bytes than the view had when they were read. */
  #supersede(view: AccountView, guardBefore: Uint8Array, guard: Uint8Array | undefined): void {
    const accountId = view.keys.accountId;
    if (guard === undefined) {
      this.drop(accountId);
      throw noSuchAccount();
    }
    // A commit of this router moved the view on while the guard was read, or another reader replaced it already.
    if (view.guard !== guardBefore || this.#views.get(accountId)?.view !== view) return;
    this.#overtaken += (1 - this.#overtaken) / OVERTAKEN_OF;
    const state = decodeAccountState(guard);
    if (state.listModseq === view.state.listModseq) this.keep(new AccountView(view.keys, guard, state, view.list));
    else this.drop(accountId);
  }

  async #load(accountId: string): Promise<AccountView> {
    const keys = new AccountKeys(accountId);
    let guard: Uint8Array | undefined;
    const mailboxes: [number, Uint8Array][] = [];
    const subscriptions: string[] = [];
    for await (const batch of this.store.scan(keys.head())) {
      for (const { key, value } of batch) {
        const part = parseHeadKey(key);
        if (part.section === 'state') guard = value;
        else if (part.section === 'mailbox') mailboxes.push([part.mailboxId, value]);
        else if (part.section === 'subscription') subscriptions.push(part.name);
      }
    }
    if (guard === undefined) throw noSuchAccount();
    const state = decodeAccountState(guard);
    return this.keep(new AccountView(keys, guard, state, MailboxList.fromRows(mailboxes, subscriptions)));
  }
}

function noSuchAccount(): StoaError {
  return new StoaError('not-found', 'no such account');
}
