import type { DataStore } from '@stoa/plugin-sdk';

/** How long a row is believed without reading it again; events shorten it, correctness never needs them. */
const TTL_MS = 2_000;
const LIMIT = 50_000;

/** Rows of the directory as last read, absent ones included. Writers read past it. */
export class RowCache {
  readonly #store: DataStore;
  readonly #now: () => number;
  readonly #rows = new Map<string, { value: Uint8Array | undefined; until: number }>();

  constructor(store: DataStore, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  async get(keys: readonly Buffer[]): Promise<(Uint8Array | undefined)[]> {
    const now = this.#now();
    const names = keys.map((key) => key.toString('latin1'));
    const missing = names.flatMap((name, i) => ((this.#rows.get(name)?.until ?? 0) > now ? [] : [i]));
    if (missing.length > 0) {
      const values = await this.#store.get(missing.map((i) => keys[i] as Buffer));
      for (const [at, i] of missing.entries()) this.#keep(names[i] as string, values[at], now);
      const fresh = new Map(missing.map((i, at) => [i, values[at]]));
      return names.map((name, i) => (fresh.has(i) ? fresh.get(i) : this.#rows.get(name)?.value));
    }
    return names.map((name) => this.#rows.get(name)?.value);
  }

  #keep(name: string, value: Uint8Array | undefined, now: number): void {
    if (this.#rows.size >= LIMIT) this.#rows.clear();
    this.#rows.set(name, { value, until: now + TTL_MS });
  }

  drop(key: Buffer): void {
    this.#rows.delete(key.toString('latin1'));
  }

  clear(): void {
    this.#rows.clear();
  }
}
