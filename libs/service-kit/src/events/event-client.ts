import { context, metrics, propagation, type TextMapSetter } from '@opentelemetry/api';
import type { Client, coordinator } from '@stoa/contracts';
import { toStoaError } from '@stoa/plugin-sdk';
import { Backoff } from '../backoff.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { EventClient, EventListener } from './types.ts';

type CoordinatorClient = Client<typeof coordinator.CoordinatorServiceDefinition>;
type Event = coordinator.Event;

/** Events that wait for the coordinator, at most; beyond it the oldest are dropped and counted. */
const QUEUE_LIMIT = 10_000;
/** Events in one call, at most. */
const BATCH_LIMIT = 500;
const PUBLISH_TIMEOUT_MS = 5_000;
/** Longest time that a stop waits for what was published. */
const STOP_FLUSH_MS = 2_000;
const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 2_000;
/** How often the number of sessions is told, when it changed. */
const SESSIONS_INTERVAL_MS = 1_000;

export interface EventClientOptions {
  client: CoordinatorClient;
  /** For the coordinator's log: which process of which node. */
  subscriber: string;
  services: readonly string[];
  logger: Logger;
  /** Client sessions in this process now, for the heartbeat of the node. */
  sessions?: () => number;
  /** Waits; gives up early when the signal aborts. */
  wait?: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Between 0 and 1. */
  random?: () => number;
}

const setter: TextMapSetter<Record<string, string>> = {
  set: (carrier, key, value) => {
    carrier[key] = value;
  },
};

const getter = {
  get: (carrier: Record<string, string>, key: string) => carrier[key],
  keys: (carrier: Record<string, string>) => Object.keys(carrier),
};

/** The EventClient of a process, over the coordinator's contract. */
export class CoordinatorEventClient implements EventClient {
  readonly #options: EventClientOptions;
  readonly #listeners = new Set<EventListener>();
  readonly #stop = new AbortController();
  readonly #dropped = metrics.getMeter('@stoa/service-kit').createCounter('events_dropped', {
    description: 'Events that the bus did not take in time.',
  });
  #queue: Event[] = [];
  #sending: Promise<void> | undefined;
  #running: Promise<void> | undefined;
  #connected = false;
  #toldSessions: number | undefined;
  #sessionsTimer: NodeJS.Timeout | undefined;

  constructor(options: EventClientOptions) {
    this.#options = options;
  }

  get connected(): boolean {
    return this.#connected;
  }

  start(): void {
    this.#running ??= this.#run();
    if (this.#options.sessions === undefined) return;
    this.#sessionsTimer ??= setInterval(() => this.tellSessions(), SESSIONS_INTERVAL_MS).unref();
  }

  /** Tells the coordinator how many sessions there are, if it does not know. */
  tellSessions(): void {
    const stands = this.#running !== undefined && !this.#stop.signal.aborted;
    if (stands && this.#options.sessions?.() !== this.#toldSessions) this.#sending ??= this.#send(true);
  }

  async stop(): Promise<void> {
    clearInterval(this.#sessionsTimer);
    // With a coordinator that does not answer, what still waits is given up.
    const late = setTimeout(() => this.#abandon(), STOP_FLUSH_MS);
    await this.flush();
    clearTimeout(late);
    this.#stop.abort();
    await this.#running;
  }

  #abandon(): void {
    this.#dropped.add(this.#queue.length);
    this.#queue = [];
    this.#stop.abort();
  }

  publish(kind: NonNullable<Event['kind']>): void {
    const carrier: Record<string, string> = {};
    propagation.inject(context.active(), carrier, setter);
    if (this.#queue.length >= QUEUE_LIMIT) {
      this.#queue.shift();
      this.#dropped.add(1);
    }
    this.#queue.push({ traceParent: carrier['traceparent'] ?? '', kind });
    this.#sending ??= this.#send();
  }

  async flush(): Promise<void> {
    while (this.#sending !== undefined) await this.#sending;
  }

  subscribe(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** One call at a time, so that events stay in order; those of one tick travel together. `empty`: call once even without any. */
  async #send(empty = false): Promise<void> {
    await Promise.resolve();
    for (let first = empty; first || this.#queue.length > 0; first = false) {
      const events = this.#queue.slice(0, BATCH_LIMIT);
      this.#queue = this.#queue.slice(BATCH_LIMIT);
      const sessions = this.#options.sessions?.();
      const request = { events, ...(sessions === undefined ? {} : { subscriber: this.#options.subscriber, sessions }) };
      try {
        await this.#options.client.publish(request, { timeoutMs: PUBLISH_TIMEOUT_MS, signal: this.#stop.signal });
        this.#toldSessions = sessions;
      } catch (error) {
        if (events.length === 0) continue;
        this.#dropped.add(events.length);
        this.#options.logger.warn({ error: toStoaError(error), events: events.length }, 'events were not published');
      }
    }
    this.#sending = undefined;
  }

  async #run(): Promise<void> {
    const { wait, random } = this.#options;
    const backoff = new Backoff({ minMs: RECONNECT_MIN_MS, maxMs: RECONNECT_MAX_MS, wait, random });
    while (!this.#stop.signal.aborted) {
      try {
        await this.#receive(() => backoff.reset());
        this.#lost('the coordinator ended the subscription');
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        this.#lost(`the coordinator cannot be reached: ${toStoaError(error).code}`);
      }
      await backoff.wait(this.#stop.signal);
    }
  }

  async #receive(onReady: () => void): Promise<void> {
    const { client, subscriber, services } = this.#options;
    const items = client.subscribe(
      { subscriber, services },
      { signal: this.#stop.signal, timeoutMs: Number.POSITIVE_INFINITY },
    );
    for await (const { item } of items) {
      switch (item?.$case) {
        case 'ready':
          onReady();
          this.#connected = true;
          this.#toldSessions = undefined;
          this.tellSessions();
          // What happened between the last event and now was not heard.
          this.#gap('the subscription began', undefined);
          break;
        case 'gap':
          // The coordinator answers, but its bus may be away: then events of other nodes do not flow.
          if (item.value.nodeId === '') this.#connected = !item.value.disconnected;
          this.#gap(item.value.reason, item.value.nodeId === '' ? undefined : item.value.nodeId);
          break;
        case 'delivery':
          for (const event of item.value.events) this.#deliver(event, item.value.nodeId);
          break;
      }
    }
  }

  #lost(reason: string): void {
    if (!this.#connected) return;
    this.#connected = false;
    this.#options.logger.warn({ reason }, 'no events for the time being');
    this.#gap(reason, undefined);
  }

  #deliver(event: Event, nodeId: string): void {
    const inside =
      event.traceParent === ''
        ? context.active()
        : propagation.extract(context.active(), { traceparent: event.traceParent }, getter);
    context.with(inside, () => this.#each((listener) => listener.event(event, nodeId)));
  }

  #gap(reason: string, nodeId: string | undefined): void {
    this.#each((listener) => listener.gap(reason, nodeId));
  }

  #each(run: (listener: EventListener) => void): void {
    for (const listener of this.#listeners) {
      try {
        run(listener);
      } catch (error) {
        this.#options.logger.error({ error }, 'a listener for events failed');
      }
    }
  }
}
