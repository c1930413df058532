import type { coordinator, DeepPartial } from '@stoa/contracts';

type Item = DeepPartial<coordinator.SubscribeResponse>;

/** Items that wait for a slow subscriber, at most. */
const QUEUE_LIMIT = 4_096;

/** One subscription: a bounded queue between the bus and a service. When it overflows it is emptied and becomes a gap. */
export class Subscriber {
  #queue: Item[] = [];
  #wake: (() => void) | undefined;
  #closed = false;

  push(item: Item): void {
    if (this.#closed) return;
    if (this.#queue.length >= QUEUE_LIMIT) {
      this.#queue = [{ item: { $case: 'gap', value: { nodeId: '', reason: 'the subscriber was too slow' } } }];
    } else {
      this.#queue.push(item);
    }
    this.#wake?.();
  }

  /** Ends the stream after what is queued. */
  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  async *items(signal: AbortSignal): AsyncGenerator<Item, void, undefined> {
    const onAbort = () => this.close();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      while (!signal.aborted) {
        const items = this.#queue;
        this.#queue = [];
        yield* items;
        if (this.#queue.length > 0) continue;
        if (this.#closed) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
      }
    } finally {
      this.#closed = true;
      signal.removeEventListener('abort', onAbort);
    }
  }
}
