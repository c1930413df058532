import type { coordinator } from '@stoa/contracts';
import type { MailboxInterest } from './types.ts';

/** Whose mailbox events a process needs: what its parts need together. */
export class MailboxNeeds {
  readonly #byFollower = new Map<string, MailboxInterest>();
  #interest: coordinator.Interest = { all: false, streams: [] };

  get interest(): coordinator.Interest {
    return this.#interest;
  }

  /** Replaces what one part needs. Returns whether that changed the whole. */
  set(follower: string, interest: MailboxInterest): boolean {
    this.#byFollower.set(follower, interest === 'all' ? 'all' : new Set(interest));
    const parts = [...this.#byFollower.values()];
    const all = parts.includes('all');
    const streams = new Set(all ? [] : parts.flatMap((part) => (part === 'all' ? [] : [...part])));
    const before = this.#interest;
    this.#interest = { all, streams: [...streams].sort((a, b) => a - b) };
    return all !== before.all || this.#interest.streams.join() !== before.streams.join();
  }
}
