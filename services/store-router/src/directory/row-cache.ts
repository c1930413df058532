import type { DataStore } from '@stoa/plugin-sdk';

/** How long a row is believed without reading it again; events shorten it, correctness never needs them. */
const TTL_MS = 2_000;
const LIMIT = 50_000;

/** Reads rows through the cache, in the order of the keys. */
export type ReadRows = (keys: readonly Buffer[]) => Promise<(Uint8Array | undefined)[]>;

interface Kept<T> {
  value: T;
  /** Milliseconds since 1970-01-01 UTC. */
  until: number;
}

/** Rows of the directory as last read, absent ones included, and what was worked out from them. Writers read past it. */
export class RowCache {
  readonly #store: DataStore;
  readonly #now: () => number;
  readonly #rows = new Map<string, Kept<Uint8Array | undefined>>();
  readonly #derived = new Map<string, Kept<unknown>>();
  /** Grows when something is dropped: what was being read then may be old, and is not kept. */
  #generation = 0;

  constructor(store: DataStore, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  get(keys: readonly Buffer[]): Promise<(Uint8Array | undefined)[]> {
    return this.#get(keys, { until: 0 });
  }

  /**
   * What `work` makes of rows, kept under a name for as long as each of the rows that it read is believed. `kept` is
   * false where it comes from anything else too, which nothing tells of here.
   */
  async derived<T>(name: string, work: (get: ReadRows) => Promise<{ value: T; kept: boolean }>): Promise<T> {
    const known = this.#derived.get(name);
    if (known !== undefined && known.until > this.#now()) return known.value as T;
    const generation = this.#generation;
    const shortest = { until: Number.POSITIVE_INFINITY };
    const { value, kept } = await work((keys) => this.#get(keys, shortest));
    if (kept && generation === this.#generation) {
      if (this.#derived.size >= LIMIT) this.#derived.clear();
      this.#derived.set(name, { value, until: shortest.until });
    }
    return value;
  }

  /** Lowers `shortest` to the time until which all of the rows are believed. */
  async #get(keys: readonly Buffer[], shortest: { until: number }): Promise<(Uint8Array | undefined)[]> {
    const now = this.#now();
    const names = keys.map((key) => key.toString('latin1'));
    const values = new Array<Uint8Array | undefined>(keys.length);
    const missing: number[] = [];
    for (const [i, name] of names.entries()) {
      const row = this.#rows.get(name);
      if (row !== undefined && row.until > now) {
        values[i] = row.value;
        if (row.until < shortest.until) shortest.until = row.until;
      } else missing.push(i);
    }
    if (missing.length === 0) return values;
    shortest.until = Math.min(shortest.until, now + TTL_MS);
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
    this.#derived.clear();
  }

  clear(): void {
    this.#generation++;
    this.#rows.clear();
    this.#derived.clear();
  }
}
