import type { Client, storage } from '@stoa/contracts';
import type { EventClient, Logger } from '@stoa/service-kit';
import type { OutboundConfig } from './config.ts';

export interface DispatcherOptions {
  readonly config: OutboundConfig;
  readonly queue: Pick<Client<typeof storage.QueueServiceDefinition>, 'lease'>;
  readonly events: Pick<EventClient, 'subscribe' | 'connected'>;
  readonly logger: Logger;
  /** Unique in the cluster. */
  readonly worker: string;
  /** How long entries are leased, in milliseconds. */
  readonly leaseMs: number;
  now(): number;
  /** Between 0 and 1. */
  random(): number;
  /** Delivers an entry and reports it. Never rejects. */
  attempt(entry: storage.QueueEntry): Promise<void>;
}

/** Without events only asking tells that mail waits. */
const BLIND_POLL_MS = 5_000;
const MIN_PAUSE_MS = 100;
const TAKEN_PAUSE_MS = 1_000;
const LEASE_CALL_MS = 30_000;
/** How long the last call may take when we stop. */
const LAST_LEASE_MS = 3_000;
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;

/** Takes entries as they come due and hands them to deliveries, so many at a time in all and for each domain. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #active = new Map<string, number>();
  readonly #running = new Set<Promise<void>>();
  #unsubscribe: () => void = () => {};
  #loop: Promise<void> | undefined;
  readonly #stopped = new AbortController();
  readonly #abandoned = new AbortController();
  #woken = false;
  #wake: (() => void) | undefined;
  #retryMs = FIRST_RETRY_MS;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** Deliveries under way. */
  get active(): number {
    return this.#running.size;
  }

  start(): void {
    if (this.#loop !== undefined || this.#stopped.signal.aborted) return;
    this.#unsubscribe = this.#options.events.subscribe({
      event: ({ kind }) => {
        if (kind?.$case === 'queueReady') this.#wakeUp();
      },
      gap: () => this.#wakeUp(),
    });
    this.#loop = this.#run();
  }

  /** Takes nothing more. Resolves when no more deliveries can begin. */
  async stop(): Promise<void> {
    this.#unsubscribe();
    this.#stopped.abort();
    this.#wakeUp();
    // Given up at once, the call could have leased entries that nobody would deliver before the lease ends.
    const timer = setTimeout(() => this.#abandoned.abort(), LAST_LEASE_MS);
    await this.#loop;
    clearTimeout(timer);
  }

  /** Resolves when no delivery is under way. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  async #run(): Promise<void> {
    const { config } = this.#options;
    while (!this.#stopped.signal.aborted) {
      this.#woken = false;
      const room = config.concurrency - this.#running.size;
      const pause = room > 0 ? await this.#take(room) : config['poll-interval'];
      if (pause > 0) await this.#sleep(pause);
    }
  }

  /** Leases and begins; how long to wait for more. */
  async #take(room: number): Promise<number> {
    const { queue, config, leaseMs, worker, logger, now, random, events } = this.#options;
    const perDomain = config['domain-concurrency'];
    const busy = [...this.#active].filter(([, count]) => count >= perDomain).map(([domain]) => domain);
    const most = Math.max(0, ...[...this.#active.values()].filter((count) => count < perDomain));
    let response: storage.LeaseResponse;
    try {
      response = await queue.lease(
        // One limit is for all domains, so the one with the most deliveries sets it.
        { worker, limit: room, leaseMs, limitPerDomain: perDomain - most, busyDomains: busy },
        { timeoutMs: LEASE_CALL_MS, signal: this.#abandoned.signal },
      );
      this.#retryMs = FIRST_RETRY_MS;
    } catch (error) {
      if (this.#stopped.signal.aborted) return 0;
      logger.warn({ error }, 'the queue cannot be asked for what is due');
      const pause = this.#retryMs * (0.5 + random() / 2);
      this.#retryMs = Math.min(this.#retryMs * 2, MAX_RETRY_MS);
      // What wakes us changes nothing about that.
      this.#woken = false;
      return pause;
    }
    for (const entry of response.entries) this.#begin(entry);
    const poll = events.connected ? config['poll-interval'] : Math.min(config['poll-interval'], BLIND_POLL_MS);
    const due = response.nextDueAt - now();
    if (response.nextDueAt === 0) return poll;
    if (due <= 0 && response.entries.length > 0) return 0;
    // What is due and was not given is for busy domains: the end of a delivery wakes us. Else somebody was quicker.
    if (due <= 0) return busy.length > 0 ? poll : Math.min(poll, TAKEN_PAUSE_MS);
    return Math.max(Math.min(due, poll), MIN_PAUSE_MS);
  }

  #begin(entry: storage.QueueEntry): void {
    const { domain } = entry;
    this.#active.set(domain, (this.#active.get(domain) ?? 0) + 1);
    const running = this.#options.attempt(entry).finally(() => {
      this.#running.delete(running);
      const left = (this.#active.get(domain) ?? 1) - 1;
      if (left === 0) this.#active.delete(domain);
      else this.#active.set(domain, left);
      this.#wakeUp();
    });
    this.#running.add(running);
  }

  #wakeUp(): void {
    this.#woken = true;
    this.#wake?.();
  }

  async #sleep(ms: number): Promise<void> {
    if (this.#woken || this.#stopped.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}
