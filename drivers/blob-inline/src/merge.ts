import type { BlobInfo } from '@stoa/plugin-sdk';

/** One of the listings that are merged: its batches, and how far the current one was taken. */
class Listing {
  readonly #batches: AsyncIterator<BlobInfo[]>;
  #batch: BlobInfo[] = [];
  #at = 0;
  #ended = false;

  constructor(batches: AsyncIterable<BlobInfo[]>) {
    this.#batches = batches[Symbol.asyncIterator]();
  }

  get first(): BlobInfo | undefined {
    return this.#batch[this.#at];
  }

  take(): void {
    this.#at += 1;
  }

  /** Whether the next batch must be read before there is a first again. */
  get empty(): boolean {
    return this.#at === this.#batch.length && !this.#ended;
  }

  async fill(): Promise<void> {
    if (!this.empty) return;
    const step = await this.#batches.next();
    this.#at = 0;
    this.#ended = step.done === true;
    this.#batch = step.done === true ? [] : step.value;
  }

  async leave(): Promise<void> {
    await this.#batches.return?.();
  }
}

/** Two listings in key order as one. A key that is in both is told once, as the first listing has it. */
export async function* mergeListings(
  preferred: AsyncIterable<BlobInfo[]>,
  other: AsyncIterable<BlobInfo[]>,
): AsyncGenerator<BlobInfo[]> {
  const [a, b] = [new Listing(preferred), new Listing(other)];
  try {
    for (;;) {
      await Promise.all([a.fill(), b.fill()]);
      const merged: BlobInfo[] = [];
      while (!a.empty && !b.empty) {
        const [left, right] = [a.first, b.first];
        if (left === undefined && right === undefined) break;
        if (right === undefined || (left !== undefined && left.key <= right.key)) {
          merged.push(left as BlobInfo);
          a.take();
          if (left?.key === right?.key) b.take();
        } else {
          merged.push(right);
          b.take();
        }
      }
      if (merged.length > 0) yield merged;
      if (a.first === undefined && b.first === undefined && !a.empty && !b.empty) return;
    }
  } finally {
    await Promise.all([a.leave(), b.leave()]);
  }
}
