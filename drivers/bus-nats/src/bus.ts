import {
  type Bus,
  type BusListener,
  type BusSubscription,
  type CallOptions,
  cancellation,
  type DriverContext,
  hasCode,
  MAX_BUS_PAYLOAD_BYTES,
  StoaError,
  TOPIC,
  throwIfCancelled,
} from '@stoa/plugin-sdk';
import type { Config } from './config.ts';
import { Link } from './link.ts';
import { Publisher } from './publisher.ts';
import { readSettings, type Settings } from './settings.ts';
import { Subscriptions } from './subscriptions.ts';

/** What NATS takes as a subject of its own, without wildcards. */
const SUBJECT = /^[^\s.*>\0]+(\.[^\s.*>\0]+)*$/;

class NatsBus implements Bus {
  readonly #settings: Settings;
  readonly #link: Link;
  readonly #publisher: Publisher;
  readonly #subscriptions: Subscriptions;
  #closed = false;

  constructor(settings: Settings, { logger }: DriverContext) {
    this.#settings = settings;
    this.#link = new Link(settings, logger, {
      onUp: (line) => this.#subscriptions.up(line),
      onDown: (reason) => {
        this.#publisher.fail(this.#link.failure);
        this.#subscriptions.down(reason);
      },
      onClusterChange: (reason) => this.#subscriptions.clusterChanged(reason),
      onRefused: (subject) => this.#publisher.refuse(subject),
    });
    this.#publisher = new Publisher(this.#link, settings);
    this.#subscriptions = new Subscriptions(this.#link, settings, logger);
  }

  /** Connects, and tries what will be needed. */
  async open(): Promise<void> {
    try {
      await this.#link.open();
      await this.#tryPermissions();
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  async publish(topic: string, payload: Uint8Array, { signal }: CallOptions = {}): Promise<void> {
    this.#enter(signal);
    if (payload.length > MAX_BUS_PAYLOAD_BYTES)
      throw new StoaError('too-large', `a message has more than ${MAX_BUS_PAYLOAD_BYTES} octets`);
    await untilAborted(this.#publisher.publish(this.#subject(topic), payload), signal);
  }

  async subscribe(topic: string, listener: BusListener, { signal }: CallOptions = {}): Promise<BusSubscription> {
    this.#enter(signal);
    const remove = await this.#subscriptions.add(this.#subject(topic), listener, signal);
    return { close: remove };
  }

  async check(): Promise<void> {
    this.#enter(undefined);
    await this.#publisher.publish(this.#subject(`${TOPIC}._probe`), new Uint8Array(0));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#subscriptions.close();
    await this.#publisher.drain();
    await this.#link.close();
  }

  async #tryPermissions(): Promise<void> {
    const [topic, probe] = [this.#subject(TOPIC), this.#subject(`${TOPIC}._probe`)] as const;
    let failure: unknown;
    const subscriptions = [topic, probe].map((subject) =>
      this.#link.current?.connection.subscribe(subject, {
        callback: (error) => {
          failure ??= error ?? undefined;
        },
      }),
    );
    try {
      await this.#publisher.publish(probe, new Uint8Array(0));
    } catch (error) {
      // A refused subscription ends the connection too, so its own error comes first.
      if (!hasCode(error, 'permission-denied') && failure === undefined) throw error;
      failure ??= error;
    }
    if (failure !== undefined) {
      const message = `the NATS user lacks a permission: let it publish and subscribe to ${topic} and ${topic}.>`;
      throw new StoaError('invalid-configuration', message, { cause: failure });
    }
    for (const subscription of subscriptions) subscription?.unsubscribe();
  }

  #enter(signal: AbortSignal | undefined): void {
    if (this.#closed) throw closedError();
    throwIfCancelled(signal);
  }

  #subject(topic: string): string {
    if (!SUBJECT.test(topic))
      throw new StoaError('invalid-argument', 'not a topic: it has an empty part or a wildcard');
    return this.#settings.prefix + topic;
  }
}

function closedError(): StoaError {
  return new StoaError('unavailable', 'the bus is closed', { retryable: false });
}

/** What was handed over cannot be called back; nobody waits for it any more. */
function untilAborted(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(cancellation(signal));
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/** Rejects with `invalid-configuration` that says what to change, or with `unavailable` when no server can be reached. */
export async function openNatsBus(config: Config, context: DriverContext): Promise<Bus> {
  const bus = new NatsBus(await readSettings(config, context), context);
  await bus.open();
  return bus;
}
