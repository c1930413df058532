import type { coordinator, DeepPartial } from '@stoa/contracts';

export type Item = DeepPartial<coordinator.SubscribeResponse>;

/** What may wait for a slow subscriber, at most. */
const ITEMS_LIMIT = 4_096;
const OCTETS_LIMIT = 8 * 1024 * 1024;

/** `streams`: only mailbox events of these are concerned; none: all events. */
export function gapItem(nodeId: string, reason: string, disconnected = false, streams: readonly number[] = []): Item {
  return { item: { $case: 'gap', value: { nodeId, reason, disconnected, streams: [...streams] } } };
}

/**
 * One subscription: a bounded queue between the bus and a service. When it overflows, what waits is dropped and becomes a
 * gap, so that a slow subscriber costs neither memory nor the time of others.
 */
export class Subscriber {
  readonly #onOverflow: () => boolean;
  #queue: Item[] = [];
  #octets = 0;
  #wake: (() => void) | undefined;
  #closed = false;

  /** `onOverflow` tells whether the bus is away now: what said so may be among what is dropped. */
  constructor(onOverflow: () => boolean = () => false) {
    this.#onOverflow = onOverflow;
  }

  /** Items that wait. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** `octets`: about how much memory the item holds. */
  push(item: Item, octets = 0): void {
    if (this.#closed) return;
    if (this.#queue.length >= ITEMS_LIMIT || this.#octets + octets > OCTETS_LIMIT) {
      // What came now is dropped as well: the gap stands for all of it.
      this.#queue = [gapItem('', 'the subscriber was too slow', this.#onOverflow())];
      this.#octets = 0;
    } else if (!this.#repeatsGap(item)) {
      this.#queue.push(item);
      this.#octets += octets;
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
        this.#octets = 0;
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
      this.#queue = [];
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** A gap right after the same gap says nothing new; a flapping bus must not fill the queue with them. */
  #repeatsGap({ item }: Item): boolean {
    const last = this.#queue.at(-1)?.item;
    if (item?.$case !== 'gap' || last?.$case !== 'gap') return false;
    const { nodeId, disconnected, streams = [] } = item.value;
    const before = last.value.streams ?? [];
    const isSame = nodeId === last.value.nodeId && disconnected === last.value.disconnected;
    return isSame && streams.length === before.length && streams.every((stream, i) => stream === before[i]);
  }
}
