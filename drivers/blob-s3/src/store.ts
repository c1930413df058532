import {
  type BlobCapabilities,
  type BlobGetOptions,
  type BlobInfo,
  type BlobKey,
  type BlobListOptions,
  type BlobPutOptions,
  type BlobStore,
  type CallOptions,
  StoaError,
  throwIfCancelled,
} from '@stoa/plugin-sdk';
import type { Bucket } from './bucket.ts';
import { deleteObjects } from './delete.ts';
import { readObject } from './get.ts';
import { headObject } from './head.ts';
import { objectName } from './keys.ts';
import { listObjects } from './list.ts';
import { putMultipart } from './multipart.ts';
import { putSmall } from './put.ts';
import type { Source } from './source.ts';

export class S3BlobStore implements BlobStore {
  readonly capabilities: BlobCapabilities;
  readonly #bucket: Bucket;
  readonly #cleanups = new Set<Promise<void>>();
  #closed = false;

  constructor(bucket: Bucket) {
    this.#bucket = bucket;
    const { conditionalPut, conditionalComplete } = bucket.features;
    this.capabilities = { shared: 'network', conditionalCreate: conditionalPut && conditionalComplete };
  }

  async put(key: BlobKey, source: Source, options: BlobPutOptions): Promise<{ created: boolean }> {
    const name = this.#enter(key, options);
    if (options.size <= this.#bucket.partSize) return putSmall(this.#bucket, name, source, options);
    return putMultipart(this.#bucket, name, source, options, (work) => this.#afterwards(work));
  }

  async *get(key: BlobKey, options: BlobGetOptions = {}): AsyncGenerator<Uint8Array> {
    yield* readObject(this.#bucket, this.#enter(key, options), options);
  }

  async head(key: BlobKey, options: CallOptions = {}): Promise<BlobInfo | undefined> {
    const found = await headObject(this.#bucket, this.#enter(key, options), options);
    if (found === undefined) return undefined;
    return { key, size: found.ContentLength ?? 0, modifiedAt: found.LastModified?.getTime() ?? 0 };
  }

  async delete(keys: readonly BlobKey[], options: CallOptions = {}): Promise<void> {
    const names = keys.map((key) => this.#enter(key, options));
    await deleteObjects(this.#bucket, names, options);
  }

  async *list(options: BlobListOptions = {}): AsyncGenerator<BlobInfo[]> {
    this.#assertOpen();
    yield* listObjects(this.#bucket, options);
  }

  async check(): Promise<void> {
    this.#assertOpen();
    await this.#bucket.check();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#cleanups);
    this.#bucket.requests.destroy();
  }

  #afterwards(work: Promise<void>): void {
    this.#cleanups.add(work);
    work.finally(() => this.#cleanups.delete(work));
  }

  #enter(key: BlobKey, options: CallOptions): string {
    this.#assertOpen();
    throwIfCancelled(options.signal);
    return objectName(this.#bucket.prefix, key);
  }

  #assertOpen(): void {
    if (this.#closed) throw new StoaError('unavailable', 'the blob store is closed', { retryable: false });
  }
}
