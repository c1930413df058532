import { type DriverLogger, StoaError } from '@stoa/plugin-sdk';
import type { Redis } from 'ioredis';
import { backOff } from './back-off.ts';
import { redisError } from './errors.ts';
import type { RedisSettings } from './settings.ts';

export interface LinkOptions {
  settings: RedisSettings;
  logger: DriverLogger;
  /** In words, for errors and the log. */
  place: string;
  /** Finds the right server and connects to it; each call is one attempt. */
  connect(): Promise<Redis>;
  /** Rejects when the connection is dead or leads to the wrong server. Has `commandTimeoutMs` for its answer. */
  probe(redis: Redis): Promise<void>;
  /** What has to be done on a connection before it stands. When it rejects, the connection is given up. */
  onUp?(redis: Redis): Promise<void> | void;
  /** The connection stands, and is `current`. */
  onReady?(): void;
  /** The connection that `onUp` was called with is lost. */
  onDown?(reason: string): void;
}

/**
 * A connection that is made again whenever it is lost, with a growing pause between attempts. It is probed regularly,
 * since a dead peer, a demoted master or a cut-off node may leave the connection open.
 */
export class RedisLink {
  readonly #options: LinkOptions;
  readonly #waiters = new Set<() => void>();
  #redis: Redis | undefined;
  #up = false;
  #attempt = 0;
  /** Of the first failed attempt since the connection stood last. */
  #failingSince: number | undefined;
  #failure: StoaError | undefined;
  #retry: NodeJS.Timeout | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    void this.#open();
  }

  /** The connection, when it stands. */
  get current(): Redis | undefined {
    return this.#up ? this.#redis : undefined;
  }

  /** From when on (by `performance.now`) nobody should wait any more, since attempts keep failing; infinite while none has. */
  get givenUpAt(): number {
    return (this.#failingSince ?? Number.POSITIVE_INFINITY) + this.#options.settings.waitMs;
  }

  /** Why there is no connection; for the error of a call that needed it. */
  get failure(): StoaError {
    const why = this.#failure?.message ?? `${this.#options.place}: not connected`;
    return new StoaError('unavailable', why, { cause: this.#failure });
  }

  /**
   * The connection, at once when it stands. Waits `waitMs` for one that is being made; rejects with `unavailable` then,
   * and at once when attempts have failed for so long, so that an outage does not slow down every call.
   */
  ready(): Promise<Redis> {
    return this.#within(() => this.givenUpAt, this.#options.settings.waitMs);
  }

  /** As `ready`, but waits for the whole time (ms) whatever happens meanwhile. */
  readyWithin(ms: number): Promise<Redis> {
    return this.#within(() => Number.POSITIVE_INFINITY, ms);
  }

  async #within(givenUpAt: () => number, ms: number): Promise<Redis> {
    const deadline = performance.now() + ms;
    for (;;) {
      const { current } = this;
      if (current !== undefined) return current;
      if (this.#closed) throw new StoaError('unavailable', 'the connection is closed', { retryable: false });
      const left = Math.min(deadline, givenUpAt()) - performance.now();
      if (left <= 0) throw this.failure;
      await this.#change(left);
    }
  }

  /** Gives up this connection, if it is still the current one, and makes a new one. */
  drop(redis: Redis, reason: string): void {
    if (this.#redis !== redis) return;
    this.#redis = undefined;
    clearTimeout(this.#heartbeat);
    redis.disconnect();
    const wasUp = this.#up;
    this.#up = false;
    this.#failure = new StoaError('unavailable', `${this.#options.place}: ${reason}`);
    if (this.#closed) return;
    if (wasUp) {
      this.#options.logger.warn({ place: this.#options.place, reason }, 'the connection to Redis is lost');
    }
    this.#options.onDown?.(reason);
    this.#schedule();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#heartbeat);
    this.#redis?.disconnect();
    this.#redis = undefined;
    this.#up = false;
    this.#wake();
  }

  async #open(): Promise<void> {
    const { connect, onUp, settings, place, logger } = this.#options;
    let redis: Redis | undefined;
    try {
      redis = await connect();
      if (this.#closed) {
        redis.disconnect();
        return;
      }
      const connected = redis;
      this.#redis = connected;
      connected.once('end', () => this.drop(connected, 'the connection was closed'));
      if (connected.status === 'end') throw new Error('the connection was closed');
      await onUp?.(connected);
      if (this.#redis !== connected) return;
      this.#up = true;
      if (this.#attempt > 0) logger.info({ place }, 'connected to Redis again');
      this.#attempt = 0;
      this.#failure = undefined;
      this.#failingSince = undefined;
      this.#heartbeat = setTimeout(() => this.#beat(connected), settings.heartbeatMs);
      this.#wake();
      this.#options.onReady?.();
    } catch (error) {
      if (this.#closed) return;
      const failure = redisError(error, { place });
      this.#failingSince ??= performance.now();
      if (this.#attempt === 0) logger.warn({ place, error: failure }, 'Redis cannot be reached and is tried again');
      if (redis !== undefined) {
        this.drop(redis, failure.message);
        return;
      }
      this.#failure = failure;
      this.#schedule();
    }
  }

  #schedule(): void {
    this.#attempt += 1;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#open(), backOff(this.#attempt, this.#options.settings));
  }

  async #beat(redis: Redis): Promise<void> {
    try {
      await this.#options.probe(redis);
    } catch (error) {
      this.drop(redis, `the probe failed: ${redisError(error).message}`);
      return;
    }
    if (this.#redis !== redis) return;
    this.#heartbeat = setTimeout(() => this.#beat(redis), this.#options.settings.heartbeatMs);
  }

  #wake(): void {
    for (const wake of this.#waiters) wake();
    this.#waiters.clear();
  }

  #change(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      const waiters = this.#waiters;
      waiters.add(done);
      function done(): void {
        clearTimeout(timer);
        waiters.delete(done);
        resolve();
      }
    });
  }
}
