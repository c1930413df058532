import type { BusListener, DriverLogger } from '@stoa/plugin-sdk';

/** The listeners of one channel. They hear of a change when there is one, and messages only while it stands. */
export class Channel {
  readonly name: string;
  readonly #logger: DriverLogger;
  readonly #listeners = new Set<BusListener>();
  #stands = false;

  constructor(name: string, logger: DriverLogger) {
    this.name = name;
    this.#logger = logger;
  }

  get stands(): boolean {
    return this.#stands;
  }

  get empty(): boolean {
    return this.#listeners.size === 0;
  }

  /** Hears `connected` at once when the channel stands. */
  add(listener: BusListener): void {
    this.#listeners.add(listener);
    if (this.#stands) this.#guard(() => listener.connected());
  }

  remove(listener: BusListener): void {
    this.#listeners.delete(listener);
  }

  /** The server has the subscription. */
  up(): void {
    if (this.#stands) return;
    this.#stands = true;
    this.#tell((listener) => listener.connected());
  }

  /** The server may have lost it. */
  down(reason: string): void {
    if (!this.#stands) return;
    this.#stands = false;
    this.#tell((listener) => listener.gap(reason));
  }

  /** Each listener gets octets of its own. */
  message(payload: Uint8Array): void {
    this.#tell((listener) => listener.message(new Uint8Array(payload)));
  }

  #tell(call: (listener: BusListener) => void): void {
    for (const listener of [...this.#listeners]) {
      if (this.#listeners.has(listener)) this.#guard(() => call(listener));
    }
  }

  /** An error of one listener is its own. */
  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#logger.error({ err: error }, 'a listener of the bus failed');
    }
  }
}
