import { DataModel } from '../../conformance/data-model.ts';
import {
  type CallOptions,
  type DataCommit,
  type DataEntry,
  type DataStore,
  defineDriver,
  type Key,
  type KeyRange,
  MAX_KEY_BYTES,
  type ScanOptions,
  StoaError,
  throwIfCancelled,
} from '../../src/index.ts';
import { anyObject, pause } from './schema.ts';

/** A data store in memory; right, or wrong in one way. */
export type DataDefect = 'none' | 'checks before it waits' | 'applies one by one' | 'scans what is there now';

const contents = new Map<string, DataModel>();

class MemoryDataStore implements DataStore {
  readonly #content: DataModel;
  readonly #defect: DataDefect;

  constructor(content: DataModel, defect: DataDefect) {
    this.#content = content;
    this.#defect = defect;
  }

  async get(keys: readonly Key[], { signal }: CallOptions = {}): Promise<(Uint8Array | undefined)[]> {
    throwIfCancelled(signal);
    return keys.map((key) => copyOf(this.#content.get(key)));
  }

  async *scan(range: KeyRange, options: ScanOptions = {}): AsyncGenerator<DataEntry[]> {
    throwIfCancelled(options.signal);
    const found = this.#content.scan(range, options);
    for (let start = 0; start < found.length; start += 1000) {
      const batch = found.slice(start, start + 1000);
      yield batch.map(({ key, value }) => ({ key, value: new Uint8Array(this.#now(key) ?? value) }));
      await pause();
      throwIfCancelled(options.signal);
    }
  }

  #now(key: Key): Uint8Array | undefined {
    return this.#defect === 'scans what is there now' ? this.#content.get(key) : undefined;
  }

  async commit(commit: DataCommit, { signal }: CallOptions = {}): Promise<void> {
    throwIfCancelled(signal);
    const conditions = [...commit.conditions];
    const mutations = commit.mutations.map((mutation) => {
      if (mutation.type === 'delete-range') return mutation;
      if (mutation.key.length === 0 || mutation.key.length > MAX_KEY_BYTES) {
        throw new StoaError('invalid-argument', 'a key has a wrong size');
      }
      return mutation.type === 'put' ? { ...mutation, value: new Uint8Array(mutation.value) } : mutation;
    });
    if (!this.#content.commit({ conditions, mutations: [] }))
      throw new StoaError('conflict', 'a condition does not hold');
    if (this.#defect === 'checks before it waits') await pause();
    if (this.#defect === 'applies one by one') {
      for (const [index, mutation] of mutations.entries()) {
        this.#content.commit({ conditions: [], mutations: [mutation] });
        if (index % 500 === 0) await pause();
      }
    } else {
      this.#content.commit({ conditions: [], mutations });
      await pause();
    }
  }

  async check(): Promise<void> {}

  async close(): Promise<void> {}
}

function copyOf(value: Uint8Array | undefined): Uint8Array | undefined {
  return value && new Uint8Array(value);
}

export function dataFactory(defect: DataDefect) {
  return defineDriver({
    name: 'reference',
    kind: 'data',
    sdk: '^1.0.0',
    configSchema: anyObject,
    capabilities: { shared: 'process' },
    create: async ({ name }) => {
      const content = contents.get(name) ?? new DataModel();
      contents.set(name, content);
      return new MemoryDataStore(content, defect);
    },
  });
}
