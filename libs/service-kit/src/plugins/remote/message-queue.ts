import type { plugin } from '@stoa/contracts';
import type { BusListener } from '@stoa/plugin-sdk';

type Item = NonNullable<plugin.bus.SubscribeResponse['item']>;

/** Octets and items that may wait for a subscriber. One that falls further behind is told of a gap instead. */
const MAX_BYTES = 16 * 1024 * 1024;
const MAX_ITEMS = 10_000;

/** What a bus tells a listener, as a bounded stream. It ends when the signal aborts. */
export class MessageQueue implements BusListener {
  readonly #signal: AbortSignal;
  #items: Item[] = [];
  #bytes = 0;
  #wake: () => void = () => {};

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', () => this.#wake(), { once: true });
  }

  message(payload: Uint8Array): void {
    if (this.#items.length >= MAX_ITEMS || this.#bytes + payload.length > MAX_BYTES) {
      this.#items = [];
      this.#bytes = 0;
      this.#push({ $case: 'gap', value: { reason: 'the subscriber is too slow' } });
      // What was lost is lost; from here on every message is seen again.
      this.#push({ $case: 'ready', value: {} });
    }
    this.#bytes += payload.length;
    this.#push({ $case: 'payload', value: payload });
  }

  gap(reason: string): void {
    this.#push({ $case: 'gap', value: { reason } });
  }

  connected(): void {
    this.#push({ $case: 'ready', value: {} });
  }

  #push(item: Item): void {
    this.#items.push(item);
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void, undefined> {
    while (!this.#signal.aborted) {
      const items = this.#items;
      this.#items = [];
      this.#bytes = 0;
      yield* items;
      if (this.#items.length > 0 || this.#signal.aborted) continue;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
