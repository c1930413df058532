import { setTimeout as delay } from 'node:timers/promises';
import { type BusListener, cancellation, type DriverLogger, StoaError } from '@stoa/plugin-sdk';
import type { Subscription } from 'nats';
import { Channel } from './channel.ts';
import { Interest } from './interest.ts';
import type { Line, Link } from './link.ts';
import type { Settings } from './settings.ts';

/** Pause before it is asked again whether all servers of the cluster know the subscriptions, in milliseconds. */
const CONFIRM_RETRY_MS = 500;

/** What is subscribed to on one connection. */
interface Attachment {
  readonly line: Line;
  readonly subscriptions: Map<Channel, Subscription>;
  readonly ended: AbortController;
  /** Grows with each change of the cluster: what was confirmed before does not count. */
  turn: number;
  confirming: boolean;
}

/** The channels, and their subscriptions on whatever connection there is. A channel stands when all servers know of it. */
export class Subscriptions {
  readonly #link: Link;
  readonly #settings: Settings;
  readonly #logger: DriverLogger;
  readonly #interest: Interest;
  readonly #channels = new Map<string, Channel>();
  readonly #waiters = new Set<() => void>();
  #attachment: Attachment | undefined;
  #closed = false;

  constructor(link: Link, settings: Settings, logger: DriverLogger) {
    this.#link = link;
    this.#settings = settings;
    this.#logger = logger;
    this.#interest = new Interest(settings, logger);
  }

  /** Resolves when the listener heard `connected`; rejects with `unavailable` when it does not within the time of a connection. */
  async add(subject: string, listener: BusListener, signal: AbortSignal | undefined): Promise<() => Promise<void>> {
    const channel = this.#channels.get(subject) ?? new Channel(subject, this.#logger);
    this.#channels.set(subject, channel);
    const takeAway = channel.add(listener);
    const remove = async () => {
      takeAway();
      await this.#dropEmpty(channel);
    };
    try {
      this.#attach(channel);
      await this.#untilStands(channel, signal);
      return remove;
    } catch (error) {
      await remove();
      throw error;
    }
  }

  up(line: Line): void {
    const ended = new AbortController();
    this.#attachment = { line, subscriptions: new Map(), ended, turn: 0, confirming: false };
    for (const channel of this.#channels.values()) this.#attach(channel);
  }

  down(reason: string): void {
    this.#attachment?.ended.abort();
    this.#attachment = undefined;
    this.#interest.rest();
    for (const channel of [...this.#channels.values()]) channel.down(reason);
    this.#wake();
  }

  /** What was published while routes between servers were missing is lost; whether they are complete has to be asked. */
  clusterChanged(reason: string): void {
    const attachment = this.#attachment;
    if (attachment === undefined) return;
    attachment.turn += 1;
    this.#interest.forget();
    for (const channel of [...this.#channels.values()]) channel.down(reason);
    void this.#confirm(attachment);
  }

  close(): void {
    this.#closed = true;
    this.#attachment?.ended.abort();
    this.#attachment = undefined;
    this.#interest.close();
    this.#channels.clear();
    this.#wake();
  }

  #attach(channel: Channel): void {
    const attachment = this.#attachment;
    if (attachment === undefined || attachment.subscriptions.has(channel)) return;
    const { connection } = attachment.line;
    // The connection ended in this moment, which is about to be told.
    if (connection.isClosed()) return;
    const subscription = connection.subscribe(channel.subject, {
      callback: (error, message) => {
        // What still comes on a connection that was given up is of the past.
        if (error === null && this.#attachment === attachment) channel.message(message.data);
      },
    });
    attachment.subscriptions.set(channel, subscription);
    void this.#confirm(attachment);
  }

  /** Goes on until all channels stand, or the connection is lost. */
  async #confirm(attachment: Attachment): Promise<void> {
    if (attachment.confirming) return;
    attachment.confirming = true;
    const { line, subscriptions, ended } = attachment;
    while (!ended.signal.aborted) {
      const waiting = [...subscriptions.keys()].filter((channel) => !channel.stands);
      if (waiting.length === 0) break;
      const { turn } = attachment;
      try {
        await this.#interest.confirm(line, this.#link.servers, ended.signal);
      } catch (error) {
        if (ended.signal.aborted || line.connection.isClosed()) break;
        this.#logger.error({ error }, 'the NATS cluster does not bring all messages; this is tried again');
        await delay(CONFIRM_RETRY_MS, undefined, { signal: ended.signal }).catch(() => {});
        continue;
      }
      if (turn !== attachment.turn || ended.signal.aborted) continue;
      for (const channel of waiting) if (subscriptions.has(channel)) channel.up();
      this.#wake();
    }
    attachment.confirming = false;
  }

  async #dropEmpty(channel: Channel): Promise<void> {
    if (!channel.empty || this.#channels.get(channel.subject) !== channel) return;
    this.#channels.delete(channel.subject);
    const attachment = this.#attachment;
    attachment?.subscriptions.get(channel)?.unsubscribe();
    attachment?.subscriptions.delete(channel);
  }

  async #untilStands(channel: Channel, signal: AbortSignal | undefined): Promise<void> {
    const { connectTimeout, publishTimeout } = this.#settings;
    const deadline = performance.now() + connectTimeout + publishTimeout;
    while (!channel.stands) {
      if (this.#closed) throw new StoaError('unavailable', 'the bus is closed', { retryable: false });
      if (signal?.aborted) throw cancellation(signal);
      const left = deadline - performance.now();
      if (left <= 0) {
        if (this.#attachment === undefined) throw this.#link.failure;
        throw new StoaError('unavailable', 'not all servers of the NATS cluster know the subscription yet');
      }
      await this.#change(left, signal);
    }
  }

  #wake(): void {
    for (const wake of [...this.#waiters]) wake();
  }

  /** Resolves when something changed, or after the time. */
  #change(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        this.#waiters.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener('abort', done, { once: true });
      this.#waiters.add(done);
    });
  }
}
