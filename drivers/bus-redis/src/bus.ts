import {
  type Bus,
  type BusListener,
  type BusSubscription,
  type CallOptions,
  type DriverContext,
  type DriverLogger,
  MAX_BUS_PAYLOAD_BYTES,
  StoaError,
  TOPIC,
  throwIfCancelled,
} from '@stoa/plugin-sdk';
import { checkAtStart, MasterFinder, readSettings } from '@stoa/redis';
import type { Config } from './config.ts';
import { Publisher } from './publisher.ts';
import { Subscriber } from './subscriber.ts';

/**
 * On a cluster each slot that is published to has a connection; of those that rest the oldest are closed. Enough for the
 * topics of a Stoa, so that none has to be made for each message.
 */
const MAX_PUBLISHERS = 96;

class RedisBus implements Bus {
  readonly #finder: MasterFinder;
  readonly #logger: DriverLogger;
  readonly #maxPendingSize: number;
  /** By group; the one that was used last stands last. */
  readonly #publishers = new Map<number, Publisher>();
  readonly #subscribers = new Map<number, Subscriber>();
  /** Connected all the time: it tells whether Redis is there, and Stoa publishes on it. */
  readonly #home: Publisher;
  #closed = false;

  constructor(finder: MasterFinder, logger: DriverLogger, { maxPendingSize }: Config) {
    this.#finder = finder;
    this.#logger = logger;
    this.#maxPendingSize = maxPendingSize;
    this.#home = this.#publisher(finder.groupOf(this.#channel(TOPIC)));
  }

  async publish(topic: string, payload: Uint8Array, options: CallOptions = {}): Promise<void> {
    this.#enter(options);
    if (payload.length > MAX_BUS_PAYLOAD_BYTES)
      throw new StoaError('too-large', `a message has more than ${MAX_BUS_PAYLOAD_BYTES} octets`);
    const channel = this.#channel(topic);
    await this.#publisher(this.#finder.groupOf(channel)).publish(channel, payload);
  }

  async subscribe(topic: string, listener: BusListener, options: CallOptions = {}): Promise<BusSubscription> {
    this.#enter(options);
    const channel = this.#channel(topic);
    const group = this.#finder.groupOf(channel);
    const subscriber = this.#subscriber(group);
    // An object of its own, so that one listener may be subscribed twice.
    const own: BusListener = {
      message: (payload) => listener.message(payload),
      gap: (reason) => listener.gap(reason),
      connected: () => listener.connected(),
    };
    const closeIdle = () => {
      if (!subscriber.idle || this.#subscribers.get(group) !== subscriber) return;
      this.#subscribers.delete(group);
      subscriber.close();
    };
    try {
      await subscriber.add(channel, own, options.signal);
    } catch (error) {
      closeIdle();
      throw error;
    }
    return {
      close: async () => {
        await subscriber.remove(channel, own);
        closeIdle();
      },
    };
  }

  async check(): Promise<void> {
    this.#enter({});
    await this.#home.check();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const each of [...this.#publishers.values(), ...this.#subscribers.values()]) each.close();
    this.#publishers.clear();
    this.#subscribers.clear();
  }

  #enter({ signal }: CallOptions): void {
    if (this.#closed) throw new StoaError('unavailable', 'the bus is closed', { retryable: false });
    throwIfCancelled(signal);
  }

  #channel(topic: string): string {
    return this.#finder.settings.prefix + topic;
  }

  #publisher(group: number): Publisher {
    const found = this.#publishers.get(group);
    const publisher =
      found ??
      new Publisher({
        finder: this.#finder,
        group,
        logger: this.#logger,
        maxPendingSize: this.#maxPendingSize,
      });
    this.#publishers.delete(group);
    this.#publishers.set(group, publisher);
    if (found === undefined && this.#publishers.size > MAX_PUBLISHERS) this.#closeResting(publisher);
    return publisher;
  }

  #closeResting(newest: Publisher): void {
    for (const [group, publisher] of this.#publishers) {
      if (publisher === newest || publisher === this.#home || !publisher.idle) continue;
      this.#publishers.delete(group);
      publisher.close();
      return;
    }
  }

  #subscriber(group: number): Subscriber {
    const found = this.#subscribers.get(group);
    if (found !== undefined) return found;
    const subscriber = new Subscriber({ finder: this.#finder, group, logger: this.#logger });
    this.#subscribers.set(group, subscriber);
    return subscriber;
  }
}

export async function openRedisBus(config: Config, context: DriverContext): Promise<Bus> {
  const finder = new MasterFinder(await readSettings(config, context));
  const sharded = finder.settings.mode === 'cluster';
  const channel = `${finder.settings.prefix}${TOPIC}.probe`;
  await checkAtStart(finder, finder.groupOf(channel), context.logger, async (redis) => {
    await (sharded ? redis.ssubscribe(channel) : redis.subscribe(channel));
    await (sharded ? redis.spublish(channel, '') : redis.publish(channel, ''));
    await (sharded ? redis.sunsubscribe(channel) : redis.unsubscribe(channel));
  });
  return new RedisBus(finder, context.logger, config);
}
