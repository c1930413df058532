import { type BusListener, cancellation, type DriverLogger, StoaError, throwIfCancelled } from '@stoa/plugin-sdk';
import { describePlace, type MasterFinder, type Redis, RedisLink, redisError } from '@stoa/redis';
import { Channel } from './channel.ts';

export interface SubscriberOptions {
  finder: MasterFinder;
  /** See `MasterFinder.groupOf`: all channels of this subscriber have it. */
  group: number;
  logger: DriverLogger;
}

/**
 * Subscriptions on one connection to the server that serves them. Redis drops a subscriber that is too slow by closing
 * its connection, and tells one of a shard channel when the slot moves away; a peer that is gone in silence, and a
 * master that was replaced, are found by the probe. Each leads to `gap`, a new connection, and `connected`.
 */
export class Subscriber {
  readonly #options: SubscriberOptions;
  readonly #link: RedisLink;
  readonly #channels = new Map<string, Channel>();
  /** Channels that the server is asked to end; a new subscription to one waits for it. */
  readonly #ending = new Map<string, Promise<void>>();
  /** What comes on another connection is of the past: one that was given up may go on for a moment. */
  #connection: Redis | undefined;
  #adding = 0;

  constructor(options: SubscriberOptions) {
    const { finder, group, logger } = options;
    this.#options = options;
    this.#link = new RedisLink({
      settings: finder.settings,
      logger,
      place: describePlace(finder.settings),
      connect: () => finder.connect(group),
      probe: (redis) => this.#probe(redis),
      onUp: (redis) => this.#restore(redis),
      onDown: (reason) => this.#allDown(reason),
    });
  }

  get idle(): boolean {
    return this.#channels.size === 0 && this.#ending.size === 0 && this.#adding === 0;
  }

  /** Resolves when the server has the subscription and `connected` was called; rejects with `unavailable` else. */
  async add(name: string, listener: BusListener, signal: AbortSignal | undefined): Promise<void> {
    this.#adding += 1;
    try {
      await untilAborted(this.#establish(name, listener, signal), signal);
    } catch (error) {
      await this.remove(name, listener);
      throw redisError(error, { place: describePlace(this.#options.finder.settings) });
    } finally {
      this.#adding -= 1;
    }
  }

  async remove(name: string, listener: BusListener): Promise<void> {
    const channel = this.#channels.get(name);
    channel?.remove(listener);
    if (channel === undefined || !channel.empty) return;
    this.#channels.delete(name);
    const redis = this.#link.current;
    if (redis === undefined) return;
    const ended = (this.#sharded ? redis.sunsubscribe(name) : redis.unsubscribe(name))
      .then(() => {})
      // Whatever the server still has ends with the connection.
      .catch((error: unknown) => this.#link.drop(redis, redisError(error).message))
      .finally(() => this.#ending.delete(name));
    this.#ending.set(name, ended);
    await ended;
  }

  close(): void {
    this.#channels.clear();
    this.#link.close();
  }

  get #sharded(): boolean {
    return this.#options.finder.settings.mode === 'cluster';
  }

  async #establish(name: string, listener: BusListener, signal: AbortSignal | undefined): Promise<void> {
    const { connectTimeoutMs, commandTimeoutMs } = this.#options.finder.settings;
    // Messages of the subscription that ends must not be taken for those of the new one.
    while (this.#ending.has(name)) await this.#ending.get(name);
    throwIfCancelled(signal);
    const channel = this.#channels.get(name) ?? new Channel(name, this.#options.logger);
    this.#channels.set(name, channel);
    channel.add(listener);
    // The first connection may be on its way; it makes the channel stand too.
    const redis = await this.#link.readyWithin(connectTimeoutMs + commandTimeoutMs);
    throwIfCancelled(signal);
    if (!channel.stands) await this.#subscribe(redis, channel);
  }

  async #subscribe(redis: Redis, channel: Channel): Promise<void> {
    await (this.#sharded ? redis.ssubscribe(channel.name) : redis.subscribe(channel.name));
    if (this.#connection !== redis) throw new StoaError('unavailable', 'the connection was closed');
    if (this.#channels.get(channel.name) === channel) channel.up();
  }

  async #restore(redis: Redis): Promise<void> {
    this.#connection = redis;
    redis.on(this.#sharded ? 'smessageBuffer' : 'messageBuffer', (name: Buffer, payload: Buffer) => {
      if (this.#connection !== redis) return;
      const channel = this.#channels.get(name.toString());
      // The server's answer to the subscription came before this message, but may reach `#subscribe` after it.
      channel?.up();
      channel?.message(payload);
    });
    // The client's word for a shard channel that the server has ended: its slot is served elsewhere.
    redis.once('moved', () => this.#link.drop(redis, 'the slot of the channel has moved'));
    await Promise.all([...this.#channels.values()].map((channel) => this.#subscribe(redis, channel)));
  }

  #allDown(reason: string): void {
    this.#connection = undefined;
    for (const channel of [...this.#channels.values()]) channel.down(reason);
  }

  async #probe(redis: Redis): Promise<void> {
    await this.#options.finder.verify(redis);
    if (!this.#sharded) return;
    // To subscribe again changes nothing, unless the server is no longer responsible: then it refuses.
    for (const channel of [...this.#channels.values()]) {
      if (channel.stands && this.#channels.get(channel.name) === channel) await redis.ssubscribe(channel.name);
    }
  }
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(cancellation(signal));
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
