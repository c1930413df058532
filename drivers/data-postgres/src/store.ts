import {
  type CallOptions,
  type DataCommit,
  type DataEntry,
  type DataStore,
  type Key,
  type KeyRange,
  type ScanOptions,
  StoaError,
  throwIfCancelled,
} from '@stoa/plugin-sdk';
import type { Config } from './config.ts';

/** Entries by key, the key as latin1 text, which sorts as its octets do. */
type Content = ReadonlyMap<string, Uint8Array>;

const BATCH = 500;
const stores = new Map<string, { content: Content }>();
const textOf = (key: Uint8Array) => Buffer.from(key).toString('latin1');

class PostgresDataStore implements DataStore {
  readonly #held: { content: Content };

  constructor(held: { content: Content }) {
    this.#held = held;
  }

  async get(keys: readonly Key[], { signal }: CallOptions = {}): Promise<(Uint8Array | undefined)[]> {
    throwIfCancelled(signal);
    const { content } = this.#held;
    return keys.map((key) => {
      const value = content.get(textOf(key));
      return value && new Uint8Array(value);
    });
  }

  async *scan(range: KeyRange, options: ScanOptions = {}): AsyncGenerator<DataEntry[]> {
    throwIfCancelled(options.signal);
    const [start, end] = [textOf(range.start), textOf(range.end)];
    // The map is never changed in place, so this is one snapshot.
    const keys = [...this.#held.content.keys()].filter((key) => key >= start && key < end).sort();
    const { content } = this.#held;
    if (options.reverse === true) keys.reverse();
    const wanted = keys.slice(0, options.limit ?? keys.length);
    for (let at = 0; at < wanted.length; at += BATCH) {
      throwIfCancelled(options.signal);
      yield wanted.slice(at, at + BATCH).map((key) => ({
        key: new Uint8Array(Buffer.from(key, 'latin1')),
        value: options.keysOnly === true ? new Uint8Array() : new Uint8Array(content.get(key) as Uint8Array),
      }));
    }
  }

  async commit({ conditions, mutations }: DataCommit, { signal }: CallOptions = {}): Promise<void> {
    throwIfCancelled(signal);
    const { content } = this.#held;
    for (const { key, equals } of conditions) {
      const value = content.get(textOf(key));
      const holds = value === undefined || equals === undefined ? value === equals : Buffer.compare(value, equals) === 0;
      if (!holds) throw new StoaError('conflict', 'a condition does not hold');
    }
    const next = new Map(content);
    for (const mutation of mutations) {
      if (mutation.type === 'put') next.set(textOf(mutation.key), new Uint8Array(mutation.value));
      else if (mutation.type === 'delete') next.delete(textOf(mutation.key));
      else {
        const [start, end] = [textOf(mutation.range.start), textOf(mutation.range.end)];
        for (const key of next.keys()) if (key >= start && key < end) next.delete(key);
      }
    }
    this.#held.content = next;
  }

  async check(): Promise<void> {}

  async close(): Promise<void> {}
}

export function openPostgresDataStore({ name }: Config): DataStore {
  const held = stores.get(name) ?? { content: new Map() };
  stores.set(name, held);
  return new PostgresDataStore(held);
}
