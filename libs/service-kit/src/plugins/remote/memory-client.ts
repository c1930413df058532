import { type Client, plugin } from '@stoa/contracts';
import type { CallOptions, MemoryKey, MemorySetOptions, MemoryStore } from '@stoa/plugin-sdk';
import type { RemoteConnection } from './connection.ts';

/** A memory store that another process serves. */
export class RemoteMemoryStore implements MemoryStore {
  readonly deletePrefix?: (prefix: string, options?: CallOptions) => Promise<void>;
  readonly #connection: RemoteConnection;
  readonly #client: Client<typeof plugin.memoryStore.MemoryStoreServiceDefinition>;

  constructor(connection: RemoteConnection, canDeletePrefix: boolean) {
    this.#connection = connection;
    this.#client = connection.client(plugin.memoryStore.MemoryStoreServiceDefinition);
    if (canDeletePrefix) {
      this.deletePrefix = (prefix, options) =>
        connection.call(async () => {
          await this.#client.deletePrefix({ prefix }, { signal: options?.signal });
        }, options);
    }
  }

  get(key: MemoryKey, options?: CallOptions): Promise<Uint8Array | undefined> {
    return this.#connection.call(async () => {
      const { found, value } = await this.#client.get({ key }, { signal: options?.signal });
      return found ? value : undefined;
    }, options);
  }

  set(key: MemoryKey, value: Uint8Array, options: MemorySetOptions): Promise<void> {
    return this.#connection.call(async () => {
      await this.#client.set({ key, value, ttlMs: options.ttlMs }, { signal: options.signal });
    }, options);
  }

  add(key: MemoryKey, value: Uint8Array, options: MemorySetOptions): Promise<boolean> {
    return this.#connection.call(
      async () => (await this.#client.add({ key, value, ttlMs: options.ttlMs }, { signal: options.signal })).added,
      options,
    );
  }

  compareAndSet(key: MemoryKey, expected: Uint8Array, value: Uint8Array, options: MemorySetOptions): Promise<boolean> {
    return this.#connection.call(async () => {
      const request = { key, expected, value, ttlMs: options.ttlMs };
      return (await this.#client.compareAndSet(request, { signal: options.signal })).swapped;
    }, options);
  }

  increment(key: MemoryKey, delta: number, options: MemorySetOptions): Promise<number> {
    return this.#connection.call(
      async () =>
        (await this.#client.increment({ key, delta, ttlMs: options.ttlMs }, { signal: options.signal })).value,
      options,
    );
  }

  delete(keys: readonly MemoryKey[], options?: CallOptions): Promise<void> {
    return this.#connection.call(async () => {
      await this.#client.delete({ keys }, { signal: options?.signal });
    }, options);
  }

  check(): Promise<void> {
    return this.#connection.check();
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}
