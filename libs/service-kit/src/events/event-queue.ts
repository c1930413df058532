import type { coordinator } from '@stoa/contracts';

type Event = coordinator.Event;

/** Events that wait for the coordinator, in order. Of too many the oldest are dropped, and it is known how many. */
export class EventQueue {
  readonly #limit: number;
  #events: Event[] = [];
  #dropped = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#events.length;
  }

  /** Events that were dropped since `told` was called. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Returns how many events were dropped for it. */
  add(event: Event): number {
    this.#events.push(event);
    return this.#trim();
  }

  take(count: number): Event[] {
    const events = this.#events.slice(0, count);
    this.#events = this.#events.slice(count);
    return events;
  }

  /** Puts back what was taken and not handed over. Returns how many events were dropped for it. */
  putBack(events: readonly Event[]): number {
    this.#events = [...events, ...this.#events];
    return this.#trim();
  }

  /** Gives everything up. Returns how much that was. */
  clear(): number {
    const count = this.#events.length;
    this.#events = [];
    this.#dropped += count;
    return count;
  }

  /** Events that will not be handed over. */
  lose(count: number): void {
    this.#dropped += count;
  }

  /** The coordinator knows of so many that were dropped. */
  told(count: number): void {
    this.#dropped -= count;
  }

  #trim(): number {
    const excess = this.#events.length - this.#limit;
    if (excess <= 0) return 0;
    if (excess === 1) this.#events.shift();
    else this.#events = this.#events.slice(excess);
    this.#dropped += excess;
    return excess;
  }
}
