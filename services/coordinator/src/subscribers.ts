import { type coordinator, whole } from '@stoa/contracts';
import { COMMON_STREAM, type Interest, streamOf, streamsOf, wants } from './streams.ts';
import { gapItem, type Item, Subscriber } from './subscriber.ts';

interface Registration {
  readonly name: string;
  readonly services: readonly string[];
  interest: Interest;
}

/** Octets that one event holds in memory, about. */
const EVENT_OCTETS = 256;

export interface SubscribersHooks {
  /** Whether the bus is away now. */
  disconnected(): boolean;
  opened(): void;
  closed(): void;
  overflowed(name: string): void;
  /** A process that runs services is gone without a goodbye: what it did not hand over is lost. */
  broken(name: string): void;
}

/** The processes that listen to this coordinator: where to deliver, which services run there and how many sessions. */
export class Subscribers {
  readonly #hooks: SubscribersHooks;
  readonly #registrations = new Map<Subscriber, Registration>();
  readonly #sessions = new Map<string, number>();
  /** Those that said that they stop. */
  readonly #leaving = new Set<string>();
  /** Those that take no new clients any more: whether they have said goodbye to the ones they had. */
  readonly #drains = new Map<string, boolean>();
  #closed = false;

  constructor(hooks: SubscribersHooks) {
    this.#hooks = hooks;
  }

  get services(): string[] {
    return [...new Set([...this.#registrations.values()].flatMap(({ services }) => services))];
  }

  get sessions(): number {
    let sum = 0;
    for (const count of this.#sessions.values()) sum += count;
    return sum;
  }

  /** Remembered while the process of this name listens. */
  setSessions(name: string, sessions: number): void {
    if (this.#listens(name)) this.#sessions.set(name, sessions);
  }

  /** A process of this name takes no new clients any more; remembered while it listens. */
  setDraining(name: string, drained: boolean): void {
    if (this.#listens(name)) this.#drains.set(name, drained);
  }

  get draining(): boolean {
    return this.#drains.size > 0;
  }

  /** Whether every process that runs services has said goodbye to its clients. */
  get drained(): boolean {
    const names = [...this.#registrations.values()].filter(({ services }) => services.length > 0);
    return this.draining && names.every(({ name }) => this.#drains.get(name) === true);
  }

  /** A process of this name stops cleanly. */
  leaves(name: string): void {
    if (this.#listens(name)) this.#leaving.add(name);
  }

  /** Streams of mailbox events that any of them needs. */
  get streams(): ReadonlySet<number> {
    return new Set([...this.#registrations.values()].flatMap(({ interest }) => [...streamsOf(interest)]));
  }

  /**
   * What the process of this name needs from now on; nothing where it does not listen. Those of the new streams that `flows`
   * says come already are told at once. Returns whether anything changed.
   */
  setInterest(name: string, interest: Interest, flows: (stream: number) => boolean): boolean {
    let changed = false;
    for (const [subscriber, registration] of this.#registrations) {
      if (registration.name !== name || sameStreams(interest, registration.interest)) continue;
      const added = [...streamsOf(interest)].filter((stream) => !wants(registration.interest, stream));
      changed = true;
      registration.interest = interest;
      const flowing = added.filter(flows);
      if (flowing.length > 0) subscriber.push(gapItem('', 'the events come from now on', false, flowing));
    }
    return changed;
  }

  async *open(registration: Registration, first: readonly Item[], signal: AbortSignal): AsyncGenerator<Item> {
    const { name } = registration;
    const subscriber = new Subscriber(() => {
      this.#hooks.overflowed(name);
      return this.#hooks.disconnected();
    });
    this.#registrations.set(subscriber, registration);
    this.#leaving.delete(name);
    // The process that was may have been followed by another.
    this.#drains.delete(name);
    for (const item of first) subscriber.push(item);
    this.#hooks.opened();
    try {
      yield* subscriber.items(signal);
    } finally {
      this.#registrations.delete(subscriber);
      if (!this.#listens(name)) {
        this.#sessions.delete(name);
        this.#drains.delete(name);
      }
      this.#hooks.closed();
      const said = this.#leaving.delete(name);
      if (!said && !this.#closed && registration.services.length > 0) this.#hooks.broken(name);
    }
  }

  /** Events go to those who have an interest in them. `octets`: about how much memory they hold. */
  deliver(nodeId: string, events: coordinator.Event[], octets = events.length * EVENT_OCTETS): void {
    const streams = events.map(streamOf);
    const isCommon = streams.every((stream) => stream === COMMON_STREAM);
    for (const [subscriber, { interest }] of this.#registrations) {
      const wanted =
        isCommon || interest === 'all' ? events : events.filter((_, i) => wants(interest, streams[i] as number));
      if (wanted.length === 0) continue;
      const share = Math.ceil((octets * wanted.length) / events.length);
      const response: coordinator.SubscribeResponse = {
        item: { $case: 'delivery', value: { nodeId, events: wanted } },
      };
      subscriber.push(whole(response), share);
    }
  }

  /** Something of some streams may have been missed: for those who have an interest in them. */
  pushGap(nodeId: string, reason: string, streams: readonly number[]): void {
    for (const [subscriber, { interest }] of this.#registrations) {
      const wanted = streams.filter((stream) => wants(interest, stream));
      if (wanted.length > 0) subscriber.push(gapItem(nodeId, reason, false, wanted));
    }
  }

  push(item: Item): void {
    for (const subscriber of this.#registrations.keys()) subscriber.push(item);
  }

  /** Ends all subscriptions after what is queued. */
  close(): void {
    this.#closed = true;
    for (const subscriber of this.#registrations.keys()) subscriber.close();
  }

  #listens(name: string): boolean {
    for (const registration of this.#registrations.values()) if (registration.name === name) return true;
    return false;
  }
}

/** It is said anew with each call, and mostly nothing new. */
function sameStreams(a: Interest, b: Interest): boolean {
  const [some, others] = [streamsOf(a), streamsOf(b)];
  if (some === others) return true;
  if (some.size !== others.size) return false;
  for (const stream of some) if (!others.has(stream)) return false;
  return true;
}
