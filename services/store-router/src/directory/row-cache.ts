import type { DataStore } from '@stoa/plugin-sdk';

/** How long a row is believed without reading it again; events shorten it, correctness never needs them. */
const TTL_MS = 2_000;
const LIMIT = 50_000;

/** Rows of the directory as last read, absent ones included. Writers read past it. */
export class RowCache {
  readonly #store: DataStore;
  readonly #now: () => number;
  readonly #rows = new Map<string, { value: Uint8Array | undefined; until: number }>();
  /** Grows when something is dropped: what was being read then may be old, and is not kept. */
  #generation = 0;

  constructor(store: DataStore, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  async get(keys: readonly Buffer[]): Promise<(Uint8Array | undefined)[]> {
    const now = this.#now();
    const names = keys.map((key) => key.toString('latin1'));
    const values = new Array<Uint8Array | undefined>(keys.length);
    const missing: number[] = [];
    for (const [i, name] of names.entries()) {
      const row = this.#rows.get(name);
      if (row !== undefined && row.until > now) values[i] = row.value;
      else missing.push(i);
    }
    if (missing.length === 0) return values;
    const generation = this.#generation;
    const read = await this.#store.get(missing.map((i) => keys[i] as Buffer));
    for (const [at, i] of missing.entries()) {
      values[i] = read[at];
      if (generation === this.#generation) this.#keep(names[i] as string, read[at], now);
    }
    return values;
  }

  #keep(name: string, value: Uint8Array | undefined, now: number): void {
    if (this.#rows.size >= LIMIT) this.#rows.clear();
    this.#rows.set(name, { value, until: now + TTL_MS });
  }

  drop(key: Buffer): void {
    this.#generation++;
    this.#rows.delete(key.toString('latin1'));
  }

  clear(): void {
    this.#generation++;
    this.#rows.clear();
  }
}
