import {
  type DataCommit,
  type DataEntry,
  type DataStore,
  type Key,
  type KeyRange,
  type ScanOptions,
  StoaError,
} from '@stoa/plugin-sdk';

const BATCH = 100;

function name(key: Key): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}

/** A data store in memory, for tests: each call is one step, so that everything is serialisable by itself. */
export class MemoryDataStore implements DataStore {
  readonly #rows = new Map<string, Uint8Array>();
  /** Names in order; latin1 strings compare as their bytes do. undefined: to be sorted anew. */
  #sorted: string[] | undefined = [];

  get size(): number {
    return this.#rows.size;
  }

  #names(): string[] {
    this.#sorted ??= [...this.#rows.keys()].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    return this.#sorted;
  }

  #between({ start, end }: KeyRange): string[] {
    const names = this.#names();
    const find = (bound: string): number => {
      let low = 0;
      let high = names.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (names[middle]! < bound) low = middle + 1;
        else high = middle;
      }
      return low;
    };
    return names.slice(find(name(start)), find(name(end)));
  }

  async get(keys: readonly Key[]): Promise<(Uint8Array | undefined)[]> {
    return keys.map((key) => this.#rows.get(name(key)));
  }

  async *scan(range: KeyRange, options: ScanOptions = {}): AsyncGenerator<DataEntry[]> {
    let names = this.#between(range);
    if (options.reverse) names = names.reverse();
    if (options.limit !== undefined) names = names.slice(0, options.limit);
    // All values are taken now: a scan is of one snapshot.
    const entries = names.map((key) => ({
      key: new Uint8Array(Buffer.from(key, 'latin1')),
      value: options.keysOnly ? new Uint8Array() : this.#rows.get(key)!,
    }));
    for (let at = 0; at < entries.length; at += BATCH) yield entries.slice(at, at + BATCH);
  }

  async commit({ conditions, mutations }: DataCommit): Promise<void> {
    this.apply({ conditions, mutations });
  }

  apply({ conditions, mutations }: DataCommit): void {
    for (const { key, equals } of conditions) {
      const value = this.#rows.get(name(key));
      const holds =
        equals === undefined ? value === undefined : value !== undefined && Buffer.compare(value, equals) === 0;
      if (!holds) throw new StoaError('conflict', 'a condition does not hold');
    }
    for (const mutation of mutations) {
      if (mutation.type === 'delete-range') {
        for (const key of this.#between(mutation.range)) this.#rows.delete(key);
        this.#sorted = undefined;
        continue;
      }
      const key = name(mutation.key);
      if (mutation.type === 'put') {
        if (!this.#rows.has(key)) this.#sorted = undefined;
        this.#rows.set(key, mutation.value);
      } else if (this.#rows.delete(key)) this.#sorted = undefined;
    }
  }

  /** All rows in key order. */
  entries(): [Uint8Array, Uint8Array][] {
    return this.#names().map((key) => [Buffer.from(key, 'latin1'), this.#rows.get(key)!]);
  }

  async check(): Promise<void> {}
  async close(): Promise<void> {}
}
