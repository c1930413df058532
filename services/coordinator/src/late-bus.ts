import { type Bus, type BusListener, type BusSubscription, type CallOptions, StoaError } from '@stoa/plugin-sdk';

/** A bus whose driver could not be opened yet: each subscription tries again, and what is published before is refused. */
export class LateBus implements Bus {
  readonly #open: () => Promise<Bus>;
  #opening: Promise<Bus> | undefined;
  #bus: Bus | undefined;

  /** `open` rejects while the bus is away. */
  constructor(open: () => Promise<Bus>) {
    this.#open = open;
  }

  async publish(topic: string, payload: Uint8Array, options?: CallOptions): Promise<void> {
    await this.#opened.publish(topic, payload, options);
  }

  async subscribe(topic: string, listener: BusListener, options?: CallOptions): Promise<BusSubscription> {
    this.#bus ??= await this.#openOnce();
    return this.#bus.subscribe(topic, listener, options);
  }

  async check(): Promise<void> {
    await this.#opened.check();
  }

  /** The driver is closed by who opened it. */
  async close(): Promise<void> {}

  /** Subscriptions that try at the same time share the attempt. */
  #openOnce(): Promise<Bus> {
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  get #opened(): Bus {
    if (this.#bus === undefined) throw new StoaError('unavailable', 'the bus could not be reached yet');
    return this.#bus;
  }
}
