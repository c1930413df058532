import type { Client, storage } from '@stoa/contracts';
import { hasCode, toStoaError } from '@stoa/plugin-sdk';
import type { Logger } from '../telemetry/logger.ts';

type Directory = Pick<Client<typeof storage.DirectoryServiceDefinition>, 'getAccount'>;

/** A session of somebody who logged in. */
export interface AccountSession {
  readonly accountId: string;
  /** Of the credentials that it logged in with; 0: not known. */
  readonly credentialVersion: number;
  /** Ends it within two seconds. */
  end(): void;
}

export interface AccountWatchOptions {
  directory: Directory;
  /** All sessions of the process that are logged in. */
  sessions(): Iterable<AccountSession>;
  /** Whether events of other nodes come. */
  connected(): boolean;
  logger: Logger;
}

/** Accounts that are looked at together. */
const PARALLEL = 8;
const TIMEOUT_MS = 5_000;
/** How soon accounts that could not be read are looked at again. */
const RETRY_MS = 5_000;
/** How often accounts are looked at while no event would tell. In ticks of RETRY_MS. */
const BLIND_TICKS = 6;
/** Accounts whose sessions ended and whose old credentials are remembered, at most. */
const ENDED_LIMIT = 10_000;

/**
 * Ends the sessions of accounts whose password changed, or that were disabled or deleted: when an event says so, and after
 * events may have been lost, by a look at the accounts themselves.
 */
export class AccountWatch {
  readonly #options: AccountWatchOptions;
  /** Version of the credentials that sessions need, for logins that were under way when the others ended. */
  readonly #needed = new Map<string, number>();
  #checking: Promise<void> | undefined;
  #again = false;
  /** Some account could not be read. */
  #unread = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: AccountWatchOptions) {
    this.#options = options;
  }

  start(): void {
    let blindTicks = 0;
    this.#timer ??= setInterval(() => {
      blindTicks = this.#options.connected() ? 0 : blindTicks + 1;
      if (this.#unread || (blindTicks > 0 && blindTicks % BLIND_TICKS === 0)) void this.check();
    }, RETRY_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** An event: sessions with older credentials end; all of the account where `version` is 0. */
  ended(accountId: string, version: number): void {
    const needed = version === 0 ? Number.POSITIVE_INFINITY : version;
    this.#end(accountId, (held) => held < needed);
    if (version === 0) return;
    this.#needed.delete(accountId);
    this.#needed.set(accountId, needed);
    if (this.#needed.size > ENDED_LIMIT) this.#needed.delete(this.#needed.keys().next().value as string);
  }

  /** Whether somebody may go on who logged in just now: the credentials may have changed on the way. */
  accepts(accountId: string, credentialVersion: number): boolean {
    return credentialVersion === 0 || credentialVersion >= (this.#needed.get(accountId) ?? 0);
  }

  /**
   * Looks at the accounts of all sessions. Calls during a look share one that follows it. An account that cannot be read is
   * looked at again some seconds later.
   */
  check(): Promise<void> {
    if (this.#checking !== undefined) {
      this.#again = true;
      return this.#checking;
    }
    this.#checking = this.#checkAll().finally(() => {
      this.#checking = undefined;
    });
    return this.#checking;
  }

  async #checkAll(): Promise<void> {
    do {
      this.#again = false;
      this.#unread = false;
      const accounts = [...new Set([...this.#options.sessions()].map(({ accountId }) => accountId))];
      let next = 0;
      const work = async () => {
        for (let id = accounts[next++]; id !== undefined; id = accounts[next++]) await this.#checkOne(id);
      };
      await Promise.all(Array.from({ length: Math.min(PARALLEL, accounts.length) }, work));
    } while (this.#again);
  }

  async #checkOne(accountId: string): Promise<void> {
    const { directory, logger } = this.#options;
    try {
      const request = { by: { $case: 'id' as const, value: accountId }, fresh: true };
      const { account } = await directory.getAccount(request, { timeoutMs: TIMEOUT_MS, routeKey: accountId });
      if (account === undefined) return;
      const { disabled, credentialVersion } = account;
      // What logged in through a router that tells no version is not held against it.
      this.#end(accountId, (held) => disabled || (held > 0 && held < credentialVersion));
    } catch (error) {
      if (hasCode(error, 'not-found')) this.#end(accountId, () => true);
      else {
        if (!this.#unread) logger.warn({ error: toStoaError(error) }, 'accounts of sessions could not be read');
        this.#unread = true;
      }
    }
  }

  #end(accountId: string, isOver: (credentialVersion: number) => boolean): void {
    for (const session of [...this.#options.sessions()]) {
      if (session.accountId === accountId && isOver(session.credentialVersion)) session.end();
    }
  }
}
