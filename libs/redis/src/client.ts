import { type CallOptions, type DriverLogger, StoaError, throwIfCancelled } from '@stoa/plugin-sdk';
import { Cluster, type Redis } from 'ioredis';
import { backOff } from './back-off.ts';
import { redisError } from './errors.ts';
import { RedisLink } from './link.ts';
import type { MasterFinder } from './master.ts';
import { describePlace } from './settings.ts';

export type RedisCommands = Redis | Cluster;

/** Runs commands, wherever their keys are. */
export interface RedisClient {
  /**
   * Runs commands on one key, or on keys of one slot. Rejects with `unavailable` in bounded time (`waitMs` plus
   * `commandTimeoutMs`) when there is no connection or no answer. No command is sent twice unless the server said that
   * it did not execute it; one that was rejected may have been executed.
   */
  run<T>(call: (redis: RedisCommands) => Promise<T>, options?: CallOptions): Promise<T>;
  check(): Promise<void>;
  close(): void;
}

export function openClient(finder: MasterFinder, logger: DriverLogger): RedisClient {
  return finder.settings.mode === 'cluster' ? new ClusterClient(finder) : new LinkClient(finder, logger);
}

class LinkClient implements RedisClient {
  readonly #link: RedisLink;
  readonly #place: string;

  constructor(finder: MasterFinder, logger: DriverLogger) {
    this.#place = describePlace(finder.settings);
    this.#link = new RedisLink({
      settings: finder.settings,
      logger,
      place: this.#place,
      connect: () => finder.connect(0),
      probe: (redis) => finder.verify(redis),
    });
  }

  async run<T>(call: (redis: RedisCommands) => Promise<T>, { signal }: CallOptions = {}): Promise<T> {
    throwIfCancelled(signal);
    const redis = await this.#link.ready();
    throwIfCancelled(signal);
    try {
      return await call(redis);
    } catch (error) {
      if (isDemoted(error)) this.#link.drop(redis, 'the server is no longer the master');
      throw redisError(error, { place: this.#place });
    }
  }

  async check(): Promise<void> {
    await this.run((redis) => redis.ping());
  }

  close(): void {
    this.#link.close();
  }
}

function isDemoted(error: unknown): boolean {
  return error instanceof Error && /^(READONLY|MASTERDOWN) /.test(error.message);
}

const REFRESH_SLOTS_MS = 5000;
const REDIRECTIONS = 16;

class ClusterClient implements RedisClient {
  readonly #cluster: Cluster;
  readonly #finder: MasterFinder;
  readonly #place: string;
  #failure: unknown;
  #downSince: number | undefined;
  #waiting: Promise<void> | undefined;
  #closed = false;

  constructor(finder: MasterFinder) {
    const { settings } = finder;
    this.#finder = finder;
    this.#place = describePlace(settings);
    this.#cluster = new Cluster([...settings.addresses], {
      clusterRetryStrategy: (attempt) => backOff(attempt, settings),
      // Commands that were under way when a node died are not sent again: they may have been executed.
      retryDelayOnFailover: 0,
      maxRedirections: REDIRECTIONS,
      slotsRefreshTimeout: settings.commandTimeoutMs,
      slotsRefreshInterval: REFRESH_SLOTS_MS,
      redisOptions: {
        ...settings.login,
        autoResendUnfulfilledCommands: false,
        maxRetriesPerRequest: null,
        socketTimeout: settings.commandTimeoutMs,
      },
    });
    this.#cluster.on('error', (error: unknown) => {
      this.#failure = (error as { lastNodeError?: unknown }).lastNodeError ?? error;
    });
    this.#cluster.on('close', () => {
      this.#downSince ??= performance.now();
    });
    this.#cluster.on('ready', () => {
      this.#downSince = undefined;
    });
    this.#cluster.on('node error', (error: unknown) => {
      this.#failure = error;
    });
  }

  async run<T>(call: (redis: RedisCommands) => Promise<T>, { signal }: CallOptions = {}): Promise<T> {
    throwIfCancelled(signal);
    await this.#ready();
    throwIfCancelled(signal);
    try {
      return await this.#within(call(this.#cluster));
    } catch (error) {
      throw redisError(error, { place: this.#place });
    }
  }

  #isReady(): boolean {
    return this.#cluster.status === 'ready';
  }

  async #ready(): Promise<void> {
    if (this.#closed) throw new StoaError('unavailable', 'the connection is closed', { retryable: false });
    if (this.#isReady()) return;
    const { waitMs } = this.#finder.settings;
    if (this.#downSince !== undefined && performance.now() - this.#downSince > waitMs) throw this.#notConnected();
    this.#waiting ??= this.#nextReady().finally(() => {
      this.#waiting = undefined;
    });
    await this.#waiting;
    if (this.#isReady()) return;
    throw this.#notConnected();
  }

  #notConnected(): StoaError {
    return redisError(this.#failure ?? new Error('not connected'), { place: this.#place });
  }

  /** Resolves when the cluster is ready, or after `waitMs`; one for all calls that wait. */
  #nextReady(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#cluster.off('ready', done);
        resolve();
      };
      const timer = setTimeout(done, this.#finder.settings.waitMs);
      this.#cluster.on('ready', done);
    });
  }

  /** Redirections and the queues before a node each have their time, but not their sum. */
  async #within<T>(answer: Promise<T>): Promise<T> {
    const { commandTimeoutMs } = this.#finder.settings;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${commandTimeoutMs} ms`)), commandTimeoutMs);
    });
    return Promise.race([answer, late]).finally(() => clearTimeout(timer));
  }

  /** A node answers, and says that all slots are served. */
  async check(): Promise<void> {
    const state = String(await this.run((cluster) => cluster.cluster('INFO')));
    if (!/^cluster_state:ok\r?$/m.test(state) || !/^cluster_slots_fail:0\r?$/m.test(state))
      throw new StoaError('unavailable', `${this.#place}: not all of the cluster is there`);
  }

  close(): void {
    this.#closed = true;
    this.#cluster.disconnect();
  }
}
