import { context, metrics, type ObservableResult, propagation, type TextMapSetter } from '@opentelemetry/api';
import type { Client, coordinator } from '@stoa/contracts';
import { type StoaError, toStoaError } from '@stoa/plugin-sdk';
import { Backoff } from '../backoff.ts';
import type { Logger } from '../telemetry/logger.ts';
import { EventQueue } from './event-queue.ts';
import { MailboxNeeds } from './mailbox-needs.ts';
import type { EventClient, EventListener, MailboxInterest } from './types.ts';

type CoordinatorClient = Client<typeof coordinator.CoordinatorServiceDefinition>;
type Event = coordinator.Event;

/** Events that wait for the coordinator, at most; beyond it the oldest are dropped and counted. */
const QUEUE_LIMIT = 10_000;
/** Events in one call, at most. */
const BATCH_LIMIT = 500;
/** Longer than the coordinator waits for its bus. */
const PUBLISH_TIMEOUT_MS = 3_000;
const GOODBYE_TIMEOUT_MS = 1_000;
/** Longest time that a stop waits for what was published. */
const STOP_FLUSH_MS = 2_000;
const RECONNECT_MIN_MS = 50;
const RECONNECT_MAX_MS = 2_000;
/** How often the coordinator is called whether or not there is something to say: it also shows that it answers. */
const CALL_INTERVAL_MS = 1_000;

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

const METER = '@stoa/service-kit';

function observeConnected(connected: () => boolean): () => void {
  const gauge = metrics.getMeter(METER).createObservableGauge('events_connected', {
    description: 'Whether events of other nodes come to this process: 1 or 0.',
  });
  const observe = (result: ObservableResult) => result.observe(connected() ? 1 : 0);
  gauge.addCallback(observe);
  return () => gauge.removeCallback(observe);
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
  readonly #dropped = metrics.getMeter(METER).createCounter('events_dropped', {
    description: 'Events of this process that were given up; every node then reads anew.',
  });
  readonly #missed = metrics.getMeter(METER).createCounter('events_missed', {
    description: 'Events of this process that the bus did not take; the other nodes then read anew.',
  });
  readonly #gaps = metrics
    .getMeter(METER)
    .createCounter('event_gaps', { description: 'Times that events may have been lost.' });
  readonly #queue = new EventQueue(QUEUE_LIMIT);
  readonly #needs = new MailboxNeeds();
  #sending: Promise<void> | undefined;
  /** Resolves when a call to the coordinator failed. */
  #stuck = Promise.withResolvers<void>();
  /** A call is wanted although no event waits. */
  #callWanted = false;
  #running: Promise<void> | undefined;
  /** The subscription stands, and the bus behind the coordinator is there. */
  #flowing = false;
  /** The last call was answered. A coordinator that stands still keeps the subscription open and says nothing. */
  #answering = true;
  #toldSessions: number | undefined;
  #callTimer: NodeJS.Timeout | undefined;
  #stopObserving: () => void = () => {};

  constructor(options: EventClientOptions) {
    this.#options = options;
  }

  get connected(): boolean {
    return this.#flowing && this.#answering;
  }

  start(): void {
    if (this.#running !== undefined) return;
    this.#running = this.#run();
    this.#callTimer = setInterval(() => this.#call(), CALL_INTERVAL_MS).unref();
    this.#stopObserving = observeConnected(() => this.connected);
  }

  /** Tells the coordinator how many sessions there are, if it does not know. */
  tellSessions(): void {
    if (this.#options.sessions?.() !== this.#toldSessions) this.#call();
  }

  #call(): void {
    if (this.#running === undefined || this.#stop.signal.aborted) return;
    this.#callWanted = true;
    this.#sending ??= this.#send();
  }

  async stop(): Promise<void> {
    clearInterval(this.#callTimer);
    // With a coordinator that does not answer, what still waits is given up.
    const late = setTimeout(() => this.#abandon(), STOP_FLUSH_MS);
    while (this.#sending !== undefined) await this.#sending;
    clearTimeout(late);
    await this.#sayGoodbye();
    this.#stop.abort();
    await this.#running;
    this.#stopObserving();
  }

  #abandon(): void {
    this.#dropped.add(this.#queue.clear());
    this.#stop.abort();
  }

  /** So that the coordinator does not take the end of this process for a loss. */
  async #sayGoodbye(): Promise<void> {
    if (this.#running === undefined || this.#stop.signal.aborted || this.#queue.dropped > 0) return;
    const { client, subscriber } = this.#options;
    const sessions = this.#options.sessions?.() ?? 0;
    await client
      .publish({ subscriber, sessions, leaving: true }, { timeoutMs: GOODBYE_TIMEOUT_MS, routeKey: subscriber })
      .catch(() => {});
  }

  publish(kind: NonNullable<Event['kind']>): void {
    const carrier: Record<string, string> = {};
    propagation.inject(context.active(), carrier, setter);
    this.#dropped.add(this.#queue.add({ traceParent: carrier['traceparent'] ?? '', kind }));
    this.#sending ??= this.#send();
  }

  async flush(): Promise<void> {
    if (this.#sending !== undefined) await Promise.race([this.#sending, this.#stuck.promise]);
  }

  subscribe(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Each part of the process that needs mailbox events says so under a name of its own. */
  follow(interest: MailboxInterest, follower = ''): void {
    if (this.#needs.set(follower, interest)) this.#call();
  }

  /**
   * One call at a time, so that events stay in order; those of one tick travel together. What a coordinator that is away did
   * not take waits for it, and of what is dropped it is told: nobody would miss what never came to it.
   */
  async #send(): Promise<void> {
    await Promise.resolve();
    const backoff = this.#backoff();
    while ((this.#callWanted || this.#queue.length > 0) && !this.#stop.signal.aborted) {
      this.#callWanted = false;
      const events = this.#queue.take(BATCH_LIMIT);
      try {
        await this.#hand(events);
        backoff.reset();
      } catch (error) {
        const failure = toStoaError(error);
        this.#notTaken(events, failure);
        this.#stuck.resolve();
        this.#stuck = Promise.withResolvers();
        if (failure.retryable) await backoff.wait(this.#stop.signal);
      }
    }
    if (this.#stop.signal.aborted) this.#dropped.add(this.#queue.clear());
    this.#sending = undefined;
  }

  async #hand(events: Event[]): Promise<void> {
    const { client, subscriber } = this.#options;
    const sessions = this.#options.sessions?.();
    const lost = this.#queue.dropped;
    // With each call, so that a coordinator that is another one now, or did not know this process yet, knows it soon.
    const interest = this.#needs.interest;
    const request = { events, lost, subscriber, interest, ...(sessions === undefined ? {} : { sessions }) };
    const { missed } = await client.publish(request, {
      timeoutMs: PUBLISH_TIMEOUT_MS,
      signal: this.#stop.signal,
      routeKey: subscriber,
    });
    this.#queue.told(lost);
    this.#toldSessions = sessions;
    if (missed) this.#missed.add(events.length);
    this.#setAnswering(true, 'the coordinator answers again');
  }

  #notTaken(events: readonly Event[], failure: StoaError): void {
    const { logger } = this.#options;
    if (this.#stop.signal.aborted || failure.retryable) {
      this.#dropped.add(this.#queue.putBack(events));
      const first = this.#answering;
      this.#setAnswering(false, `the coordinator does not answer: ${failure.code}`);
      if (first && events.length > 0) logger.warn({ error: failure, events: events.length }, 'events wait');
      return;
    }
    this.#queue.lose(events.length);
    this.#dropped.add(events.length);
    logger.warn({ error: failure, events: events.length }, 'events were refused');
  }

  #setAnswering(answering: boolean, reason: string): void {
    if (this.#answering === answering) return;
    this.#answering = answering;
    // While no subscription stands, this is told already.
    if (this.#flowing) this.#gap(reason, undefined);
  }

  #backoff(): Backoff {
    const { wait, random } = this.#options;
    return new Backoff({ minMs: RECONNECT_MIN_MS, maxMs: RECONNECT_MAX_MS, wait, random });
  }

  async #run(): Promise<void> {
    const backoff = this.#backoff();
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
      { subscriber, services, interest: this.#needs.interest },
      { signal: this.#stop.signal, timeoutMs: Number.POSITIVE_INFINITY, routeKey: subscriber },
    );
    for await (const { item } of items) {
      switch (item?.$case) {
        case 'ready':
          onReady();
          this.#flowing = true;
          this.#answering = true;
          this.#toldSessions = undefined;
          // Also what is needed may have changed since the subscription was asked for.
          this.#call();
          // What happened between the last event and now was not heard.
          this.#gap('the subscription began', undefined);
          break;
        case 'gap':
          if (item.value.streams.length > 0) {
            this.#mailboxGap(item.value.streams);
            break;
          }
          // The coordinator answers, but its bus may be away: then events of other nodes do not flow.
          if (item.value.nodeId === '') this.#flowing = !item.value.disconnected;
          this.#gap(item.value.reason, item.value.nodeId === '' ? undefined : item.value.nodeId);
          break;
        case 'delivery':
          for (const event of item.value.events) this.#deliver(event, item.value.nodeId);
          break;
      }
    }
  }

  #lost(reason: string): void {
    if (!this.#flowing) return;
    this.#flowing = false;
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
    this.#gaps.add(1, { scope: nodeId === undefined ? 'all' : 'node' });
    this.#each((listener) => listener.gap(reason, nodeId));
  }

  #mailboxGap(streams: readonly number[]): void {
    this.#gaps.add(1, { scope: 'streams' });
    const set = new Set(streams);
    this.#each((listener) => listener.mailboxGap?.(set));
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
