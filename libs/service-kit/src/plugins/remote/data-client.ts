import { type Client, plugin } from '@stoa/contracts';
import type {
  CallOptions,
  DataCommit,
  DataEntry,
  DataMutation,
  DataStore,
  Key,
  KeyRange,
  ScanOptions,
} from '@stoa/plugin-sdk';
import { type RemoteConnection, STREAM_TIMEOUT_MS } from './connection.ts';

/** A data store that another process serves. */
export class RemoteDataStore implements DataStore {
  readonly #connection: RemoteConnection;
  readonly #client: Client<typeof plugin.dataStore.DataStoreServiceDefinition>;

  constructor(connection: RemoteConnection) {
    this.#connection = connection;
    this.#client = connection.client(plugin.dataStore.DataStoreServiceDefinition);
  }

  get(keys: readonly Key[], options?: CallOptions): Promise<(Uint8Array | undefined)[]> {
    return this.#connection.call(async () => {
      const { values } = await this.#client.get({ keys: [...keys] }, { signal: options?.signal });
      return values.map(({ found, value }) => (found ? value : undefined));
    }, options);
  }

  async *scan(range: KeyRange, options: ScanOptions = {}): AsyncGenerator<DataEntry[], void, undefined> {
    const { limit, reverse = false, keysOnly = false, signal } = options;
    // On the wire an absent end and limit mean "all"; here they mean "nothing".
    if (range.end.length === 0 || limit === 0) return;
    const { start, end } = range;
    const request = { start, end, limit: limit ?? 0, reverse, keysOnly };
    for await (const { entries } of this.#connection.iterate(
      () => this.#client.scan(request, { signal, timeoutMs: STREAM_TIMEOUT_MS }),
      options,
    )) {
      if (entries.length > 0) yield entries;
    }
  }

  commit(commit: DataCommit, options?: CallOptions): Promise<void> {
    return this.#connection.call(async () => {
      const mutations = commit.mutations.map((mutation) => ({ kind: wireMutation(mutation) }));
      await this.#client.commit({ conditions: commit.conditions, mutations }, { signal: options?.signal });
    }, options);
  }

  check(): Promise<void> {
    return this.#connection.check();
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}

function wireMutation(mutation: DataMutation) {
  switch (mutation.type) {
    case 'put':
      return { $case: 'put' as const, value: { key: mutation.key, value: mutation.value } };
    case 'delete':
      return { $case: 'delete' as const, value: mutation.key };
    case 'delete-range':
      return { $case: 'deleteRange' as const, value: mutation.range };
  }
}
