import { mailboxStream } from '@stoa/contracts';
import type { EventClient } from '@stoa/service-kit';

/** How long the mailbox events of accounts that have no sessions any more are still taken, in milliseconds. */
const GIVE_UP_AFTER_MS = 60_000;

interface Use {
  sessions: number;
  /** When the last session ended, while there is none. */
  since: number;
}

/**
 * Asks for the mailbox events of the accounts that have sessions here. Those of an account whose last session ended go on
 * to come for a while, so that clients that come and go do not make the node subscribe again and again.
 */
export class SessionInterest {
  readonly #events: Pick<EventClient, 'follow'>;
  readonly #now: () => number;
  /** By stream. */
  readonly #uses = new Map<number, Use>();

  constructor(events: Pick<EventClient, 'follow'>, now: () => number) {
    this.#events = events;
    this.#now = now;
  }

  /** A session of the account began. */
  enter(accountId: string): void {
    const stream = mailboxStream(accountId);
    const use = this.#uses.get(stream);
    if (use !== undefined) {
      use.sessions += 1;
      return;
    }
    this.#uses.set(stream, { sessions: 1, since: 0 });
    this.#tell();
  }

  /** It ended. */
  leave(accountId: string): void {
    const use = this.#uses.get(mailboxStream(accountId));
    if (use === undefined) return;
    use.sessions -= 1;
    if (use.sessions === 0) use.since = this.#now();
  }

  /** Gives up what nobody has needed for a while. To be called now and again. */
  tidy(): void {
    const before = this.#uses.size;
    const limit = this.#now() - GIVE_UP_AFTER_MS;
    for (const [stream, { sessions, since }] of this.#uses) {
      if (sessions === 0 && since <= limit) this.#uses.delete(stream);
    }
    if (this.#uses.size < before) this.#tell();
  }

  #tell(): void {
    this.#events.follow(new Set(this.#uses.keys()));
  }
}
