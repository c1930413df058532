import type { BusListener, DriverLogger } from '@stoa/plugin-sdk';

interface Limits {
  maxQueuedMessages: number;
  maxQueuedSize: number;
}

/** Handed over without a pause for other work; bounds how long the event loop is held. */
const MESSAGES_PER_TURN = 256;

/** What waits for one listener. Delivers in order, in a later turn than the publisher's. */
export class Mailbox {
  readonly #listener: BusListener;
  readonly #limits: Limits;
  readonly #logger: DriverLogger;
  #queue: Uint8Array[] = [];
  #bytes = 0;
  #lost = false;
  #scheduled = false;
  #closed = false;

  constructor(listener: BusListener, limits: Limits, logger: DriverLogger) {
    this.#listener = listener;
    this.#limits = limits;
    this.#logger = logger;
  }

  /** The payload is shared with other listeners; each gets a copy of its own when its turn comes. */
  offer(payload: Uint8Array): void {
    const full =
      this.#queue.length >= this.#limits.maxQueuedMessages || this.#bytes + payload.length > this.#limits.maxQueuedSize;
    // After the first loss all is dropped until the listener knows: it will read anew anyway.
    if (full) this.#lost = true;
    if (!this.#lost) {
      this.#queue.push(payload);
      this.#bytes += payload.length;
    }
    this.#schedule();
  }

  close(): void {
    this.#closed = true;
    this.#queue = [];
    this.#bytes = 0;
  }

  connected(): void {
    this.#guard(() => this.#listener.connected());
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#deliver());
  }

  #deliver(): void {
    this.#scheduled = false;
    const batch = this.#queue.splice(0, MESSAGES_PER_TURN);
    for (const payload of batch) {
      if (this.#closed) return;
      this.#bytes -= payload.length;
      this.#guard(() => this.#listener.message(new Uint8Array(payload)));
    }
    if (this.#closed) return;
    if (this.#queue.length > 0) {
      this.#schedule();
    } else if (this.#lost) {
      this.#lost = false;
      this.#guard(() => this.#listener.gap('the listener was too slow'));
      if (!this.#closed) this.connected();
    }
  }

  /** An error of one listener is its own: neither the publisher nor another listener sees it. */
  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#logger.error({ err: error }, 'a listener of the bus failed');
    }
  }
}
