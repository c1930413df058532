import { type MemorySetOptions, type MemoryStore, StoaError } from '@stoa/plugin-sdk';

/** A memory store for tests, on a clock of the test's. */
export class MemoryMemoryStore implements MemoryStore {
  readonly #now: () => number;
  readonly #rows = new Map<string, { value: Uint8Array | number; until: number }>();
  isDown = false;
  calls = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  #row(key: string) {
    this.calls++;
    if (this.isDown) throw new StoaError('unavailable', 'the memory store is down');
    const row = this.#rows.get(key);
    return row !== undefined && row.until > this.#now() ? row : undefined;
  }

  #put(key: string, value: Uint8Array | number, { ttlMs }: MemorySetOptions): void {
    this.#rows.set(key, { value, until: this.#now() + ttlMs });
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const value = this.#row(key)?.value;
    return typeof value === 'number' ? Buffer.from(String(value)) : value;
  }

  async set(key: string, value: Uint8Array, options: MemorySetOptions): Promise<void> {
    this.#row(key);
    this.#put(key, value, options);
  }

  async add(key: string, value: Uint8Array, options: MemorySetOptions): Promise<boolean> {
    if (this.#row(key) !== undefined) return false;
    this.#put(key, value, options);
    return true;
  }

  async compareAndSet(
    key: string,
    expected: Uint8Array,
    value: Uint8Array,
    options: MemorySetOptions,
  ): Promise<boolean> {
    const now = this.#row(key)?.value;
    if (now === undefined || typeof now === 'number' || Buffer.compare(now, expected) !== 0) return false;
    this.#put(key, value, options);
    return true;
  }

  async increment(key: string, delta: number, options: MemorySetOptions): Promise<number> {
    const row = this.#row(key);
    if (row === undefined) {
      this.#put(key, delta, options);
      return delta;
    }
    row.value = (typeof row.value === 'number' ? row.value : 0) + delta;
    return row.value;
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      this.#row(key);
      this.#rows.delete(key);
    }
  }

  async check(): Promise<void> {}
  async close(): Promise<void> {}
}
