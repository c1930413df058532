import { type DriverLogger, StoaError } from '@stoa/plugin-sdk';
import { describePlace, type MasterFinder, type Redis, RedisLink, redisError, wasNotExecuted } from '@stoa/redis';

interface Entry {
  readonly channel: string;
  readonly payload: Buffer;
  /** Rejected then, when there was no connection all the time. */
  readonly expiresAt: number;
  resolve(): void;
  reject(error: StoaError): void;
}

/** How often it is looked whether messages have waited too long. */
const EXPIRY_MS = 50;

export interface PublisherOptions {
  finder: MasterFinder;
  /** See `MasterFinder.groupOf`: all channels of this publisher have it. */
  group: number;
  logger: DriverLogger;
  maxPendingSize: number;
}

/**
 * Publishes in the order of the calls, each message at most once: one connection to one server, and what that server
 * refuses since another is responsible now goes there before anything newer does. What was sent on a connection that
 * was lost is not sent again, since it may have arrived.
 */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #link: RedisLink;
  #queue: Entry[] = [];
  /** Refused on the current connection, in their order; sent first on the next one. */
  #refused: Entry[] = [];
  #underWay = 0;
  #bytes = 0;
  #expiry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: PublisherOptions) {
    const { finder, group, logger } = options;
    this.#options = options;
    this.#link = new RedisLink({
      settings: finder.settings,
      logger,
      place: describePlace(finder.settings),
      connect: () => finder.connect(group),
      probe: (redis) => finder.verify(redis),
      onReady: () => this.#flush(),
    });
  }

  /** Nothing waits to be sent or is under way. */
  get idle(): boolean {
    return this.#queue.length + this.#refused.length + this.#underWay === 0;
  }

  publish(channel: string, payload: Uint8Array): Promise<void> {
    const { finder, maxPendingSize } = this.#options;
    if (this.#bytes + payload.length > maxPendingSize)
      return Promise.reject(new StoaError('resource-exhausted', 'too many messages wait to be taken by Redis'));
    if (this.#link.current === undefined && performance.now() >= this.#link.givenUpAt)
      return Promise.reject(this.#link.failure);
    return new Promise((resolve, reject) => {
      const size = payload.length;
      this.#bytes += size;
      this.#queue.push({
        channel,
        payload: Buffer.from(payload),
        expiresAt: performance.now() + finder.settings.connectTimeoutMs,
        resolve: () => {
          this.#bytes -= size;
          resolve();
        },
        reject: (error) => {
          this.#bytes -= size;
          reject(error);
        },
      });
      this.#flush();
    });
  }

  async check(): Promise<void> {
    const redis = await this.#link.ready();
    try {
      await redis.ping();
    } catch (error) {
      throw redisError(error, { place: describePlace(this.#options.finder.settings) });
    }
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#expiry);
    const closed = new StoaError('unavailable', 'the bus is closed', { retryable: false });
    for (const entry of [...this.#refused.splice(0), ...this.#queue.splice(0)]) entry.reject(closed);
    this.#link.close();
  }

  #flush(): void {
    const redis = this.#link.current;
    if (redis === undefined || this.#refused.length > 0) {
      this.#expireLater();
      return;
    }
    const entries = this.#queue;
    this.#queue = [];
    for (const entry of entries) this.#send(redis, entry);
  }

  #send(redis: Redis, entry: Entry): void {
    const { mode } = this.#options.finder.settings;
    const { channel, payload } = entry;
    this.#underWay += 1;
    const sent = mode === 'cluster' ? redis.spublish(channel, payload) : redis.publish(channel, payload);
    sent
      .then(
        () => {
          // What was refused before this one would now overtake it.
          for (const late of this.#refused.splice(0)) late.reject(this.#overtaken());
          entry.resolve();
        },
        (error: unknown) => {
          // Answers come in the order of the commands, so these are in order too.
          if (wasNotExecuted(error) && !this.#closed) this.#refused.push(entry);
          else entry.reject(redisError(error, { place: describePlace(this.#options.finder.settings) }));
        },
      )
      .finally(() => {
        this.#underWay -= 1;
        if (this.#underWay === 0 && this.#refused.length > 0) this.#turn(redis);
      });
  }

  #overtaken(): StoaError {
    return new StoaError('unavailable', 'Redis refused the message, and then took a later one');
  }

  /** All answers are in, and some are refusals: whoever is responsible now gets these, then what came after. */
  #turn(redis: Redis): void {
    this.#queue = [...this.#refused, ...this.#queue];
    this.#refused = [];
    this.#link.drop(redis, 'the server is not responsible any more');
    this.#flush();
  }

  /** What waits is rejected when attempts to connect keep failing, or at its time. */
  #expireLater(): void {
    if (this.#expiry !== undefined || this.#queue.length === 0 || this.#closed) return;
    this.#expiry = setTimeout(() => {
      this.#expiry = undefined;
      const now = performance.now();
      const { failure, givenUpAt } = this.#link;
      const waiting = this.#queue;
      this.#queue = [];
      for (const entry of waiting) {
        if (now < Math.min(entry.expiresAt, givenUpAt)) this.#queue.push(entry);
        else entry.reject(failure);
      }
      this.#expireLater();
    }, EXPIRY_MS);
  }
}
