import { type Client, plugin } from '@stoa/contracts';
import type {
  BlobGetOptions,
  BlobInfo,
  BlobKey,
  BlobListOptions,
  BlobPutOptions,
  BlobStore,
  CallOptions,
} from '@stoa/plugin-sdk';
import { StoaError } from '@stoa/plugin-sdk';
import { type RemoteConnection, STREAM_TIMEOUT_MS } from './connection.ts';
import { pieces } from './pieces.ts';

/** A blob store that another process serves. */
export class RemoteBlobStore implements BlobStore {
  readonly #connection: RemoteConnection;
  readonly #client: Client<typeof plugin.blobStore.BlobStoreServiceDefinition>;

  constructor(connection: RemoteConnection) {
    this.#connection = connection;
    this.#client = connection.client(plugin.blobStore.BlobStoreServiceDefinition);
  }

  put(
    key: BlobKey,
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options: BlobPutOptions,
  ): Promise<{ created: boolean }> {
    return this.#connection.call(async () => {
      const { created } = await this.#client.put(putParts(key, source, options.size), {
        signal: options.signal,
        timeoutMs: STREAM_TIMEOUT_MS,
      });
      return { created };
    }, options);
  }

  async *get(key: BlobKey, options: BlobGetOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    const { start = 0, end, signal } = options;
    if (end !== undefined && end <= start) {
      if ((await this.head(key, options)) === undefined) throw new StoaError('not-found', 'there is no such blob');
      return;
    }
    const request = { key, start, end: end ?? 0 };
    for await (const { data } of this.#connection.iterate(
      () => this.#client.get(request, { signal, timeoutMs: STREAM_TIMEOUT_MS }),
      options,
    )) {
      if (data.length > 0) yield data;
    }
  }

  head(key: BlobKey, options?: CallOptions): Promise<BlobInfo | undefined> {
    return this.#connection.call(async () => {
      const { found, size, modifiedAt } = await this.#client.head({ key }, { signal: options?.signal });
      return found ? { key, size, modifiedAt } : undefined;
    }, options);
  }

  delete(keys: readonly BlobKey[], options?: CallOptions): Promise<void> {
    return this.#connection.call(async () => {
      await this.#client.delete({ keys }, { signal: options?.signal });
    }, options);
  }

  async *list(options: BlobListOptions = {}): AsyncGenerator<BlobInfo[], void, undefined> {
    const { prefix = '', after = '', signal } = options;
    for await (const { blobs } of this.#connection.iterate(
      () => this.#client.list({ prefix, after }, { signal, timeoutMs: STREAM_TIMEOUT_MS }),
      options,
    )) {
      if (blobs.length > 0) yield blobs;
    }
  }

  check(): Promise<void> {
    return this.#connection.check();
  }

  close(): Promise<void> {
    return this.#connection.close();
  }
}

async function* putParts(key: BlobKey, source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>, size: number) {
  yield { part: { $case: 'head' as const, value: { key, size } } };
  for await (const chunk of source) {
    for (const value of pieces(chunk)) yield { part: { $case: 'data' as const, value } };
  }
}
