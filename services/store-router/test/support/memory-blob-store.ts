import {
  type BlobGetOptions,
  type BlobInfo,
  type BlobKey,
  type BlobListOptions,
  type BlobPutOptions,
  type BlobStore,
  StoaError,
} from '@stoa/plugin-sdk';

/** A blob store in memory, for tests. */
export class MemoryBlobStore implements BlobStore {
  readonly blobs = new Map<BlobKey, { data: Buffer; modifiedAt: number }>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  async put(
    key: BlobKey,
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options: BlobPutOptions,
  ): Promise<{ created: boolean }> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of source) chunks.push(chunk);
    const data = Buffer.concat(chunks);
    if (data.length !== options.size) throw new StoaError('invalid-argument', 'another size');
    if (this.blobs.has(key)) return { created: false };
    this.blobs.set(key, { data, modifiedAt: this.#now() });
    return { created: true };
  }

  async *get(key: BlobKey, options: BlobGetOptions = {}): AsyncGenerator<Uint8Array> {
    const blob = this.blobs.get(key);
    if (blob === undefined) throw new StoaError('not-found', 'no such blob');
    yield blob.data.subarray(options.start ?? 0, options.end);
  }

  async head(key: BlobKey): Promise<BlobInfo | undefined> {
    const blob = this.blobs.get(key);
    return blob && { key, size: blob.data.length, modifiedAt: blob.modifiedAt };
  }

  async delete(keys: readonly BlobKey[]): Promise<void> {
    for (const key of keys) this.blobs.delete(key);
  }

  async *list(options: BlobListOptions = {}): AsyncGenerator<BlobInfo[]> {
    const keys = [...this.blobs.keys()].sort();
    const wanted = keys.filter(
      (key) => key.startsWith(options.prefix ?? '') && (options.after === undefined || key > options.after),
    );
    const infos = wanted.map((key) => {
      const { data, modifiedAt } = this.blobs.get(key)!;
      return { key, size: data.length, modifiedAt };
    });
    if (infos.length > 0) yield infos;
  }

  async check(): Promise<void> {}
  async close(): Promise<void> {}
}
