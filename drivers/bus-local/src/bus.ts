import {
  type Bus,
  type BusListener,
  type BusSubscription,
  type CallOptions,
  type DriverLogger,
  MAX_BUS_PAYLOAD_BYTES,
  StoaError,
  throwIfCancelled,
} from '@stoa/plugin-sdk';
import type { Config } from './config.ts';
import { Mailbox } from './mailbox.ts';

type Topics = Map<string, Set<Mailbox>>;

/** By channel; what connects the buses of this process, also those made through another copy of this package. */
const channels: Map<string, Topics> = sharedChannels();

function sharedChannels(): Map<string, Topics> {
  const holder = globalThis as { [key: symbol]: Map<string, Topics> | undefined };
  const key = Symbol.for('stoa.bus-local.channels');
  holder[key] ??= new Map();
  return holder[key];
}

export class LocalBus implements Bus {
  readonly #config: Config;
  readonly #logger: DriverLogger;
  readonly #subscriptions = new Set<BusSubscription>();
  #closed = false;

  constructor(config: Config, logger: DriverLogger) {
    this.#config = config;
    this.#logger = logger;
  }

  async publish(topic: string, payload: Uint8Array, options: CallOptions = {}): Promise<void> {
    this.#enter(options);
    if (payload.length > MAX_BUS_PAYLOAD_BYTES) {
      throw new StoaError('too-large', `a message has more than ${MAX_BUS_PAYLOAD_BYTES} octets`);
    }
    const mailboxes = channels.get(this.#config.channel)?.get(topic);
    if (mailboxes === undefined) return;
    const copy = new Uint8Array(payload);
    for (const mailbox of mailboxes) mailbox.offer(copy);
  }

  async subscribe(topic: string, listener: BusListener, options: CallOptions = {}): Promise<BusSubscription> {
    this.#enter(options);
    const mailbox = new Mailbox(listener, this.#config, this.#logger);
    join(this.#config.channel, topic, mailbox);
    const subscription: BusSubscription = {
      close: async () => {
        mailbox.close();
        this.#subscriptions.delete(subscription);
        leave(this.#config.channel, topic, mailbox);
      },
    };
    this.#subscriptions.add(subscription);
    mailbox.connected();
    return subscription;
  }

  async check(): Promise<void> {
    this.#enter({});
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.close()));
  }

  #enter({ signal }: CallOptions): void {
    if (this.#closed) throw new StoaError('unavailable', 'the bus is closed', { retryable: false });
    throwIfCancelled(signal);
  }
}

function join(channel: string, topic: string, mailbox: Mailbox): void {
  const topics = channels.get(channel) ?? new Map<string, Set<Mailbox>>();
  const mailboxes = topics.get(topic) ?? new Set<Mailbox>();
  channels.set(channel, topics.set(topic, mailboxes.add(mailbox)));
}

function leave(channel: string, topic: string, mailbox: Mailbox): void {
  const topics = channels.get(channel);
  const mailboxes = topics?.get(topic);
  mailboxes?.delete(mailbox);
  if (mailboxes?.size === 0) topics?.delete(topic);
  if (topics?.size === 0) channels.delete(channel);
}
