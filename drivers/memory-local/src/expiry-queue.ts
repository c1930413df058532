export interface Expiring {
  expiresAt: number;
  /** Place in the queue; kept by the queue. */
  slot: number;
}

/** A binary heap of entries, the one that ends first at the top. */
export class ExpiryQueue<T extends Expiring> {
  readonly #heap: T[] = [];

  peek(): T | undefined {
    return this.#heap[0];
  }

  add(entry: T): void {
    this.#heap.push(entry);
    this.#rise(entry, this.#heap.length - 1);
  }

  remove(entry: T): void {
    const last = this.#heap.pop();
    if (last === undefined || last === entry) return;
    // The last one takes the free place, and from there its own.
    this.#rise(last, entry.slot);
    this.#sink(last, last.slot);
  }

  #rise(entry: T, from: number): void {
    let slot = from;
    while (slot > 0) {
      const parent = (slot - 1) >> 1;
      const above = this.#heap[parent]!;
      if (above.expiresAt <= entry.expiresAt) break;
      this.#place(above, slot);
      slot = parent;
    }
    this.#place(entry, slot);
  }

  #sink(entry: T, from: number): void {
    let slot = from;
    for (;;) {
      let child = 2 * slot + 1;
      if (child >= this.#heap.length) break;
      if (child + 1 < this.#heap.length && this.#heap[child + 1]!.expiresAt < this.#heap[child]!.expiresAt) child += 1;
      const below = this.#heap[child]!;
      if (below.expiresAt >= entry.expiresAt) break;
      this.#place(below, slot);
      slot = child;
    }
    this.#place(entry, slot);
  }

  #place(entry: T, slot: number): void {
    this.#heap[slot] = entry;
    entry.slot = slot;
  }
}
