import {
  type BlobGetOptions,
  type BlobInfo,
  type BlobListOptions,
  type BlobPutOptions,
  type BlobStore,
  type CallOptions,
  StoaError,
  throwIfCancelled,
} from '@stoa/plugin-sdk';
import type { Config } from './config.ts';

interface Stored {
  content: Buffer;
  modifiedAt: number;
}

const CHUNK = 64 * 1024;
const BATCH = 500;
const stores = new Map<string, Map<string, Stored>>();

class S3BlobStore implements BlobStore {
  readonly #stored: Map<string, Stored>;

  constructor(stored: Map<string, Stored>) {
    this.#stored = stored;
  }

  async put(
    key: string,
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    { size, signal }: BlobPutOptions,
  ): Promise<{ created: boolean }> {
    throwIfCancelled(signal);
    const chunks: Uint8Array[] = [];
    let octets = 0;
    for await (const chunk of source) {
      throwIfCancelled(signal);
      octets += chunk.length;
      if (octets > size) break;
      chunks.push(new Uint8Array(chunk));
    }
    if (octets !== size) throw new StoaError('invalid-argument', `the source has not the ${size} octets that were announced`);
    if (this.#stored.has(key)) return { created: false };
    this.#stored.set(key, { content: Buffer.concat(chunks), modifiedAt: Date.now() });
    return { created: true };
  }

  async *get(key: string, { start = 0, end, signal }: BlobGetOptions = {}): AsyncGenerator<Uint8Array> {
    throwIfCancelled(signal);
    const stored = this.#stored.get(key);
    if (stored === undefined) throw new StoaError('not-found', 'there is no such blob');
    const last = Math.min(end ?? stored.content.length, stored.content.length);
    for (let at = start; at < last; at += CHUNK) {
      throwIfCancelled(signal);
      yield new Uint8Array(stored.content.subarray(at, Math.min(at + CHUNK, last)));
    }
  }

  async head(key: string, { signal }: CallOptions = {}): Promise<BlobInfo | undefined> {
    throwIfCancelled(signal);
    const stored = this.#stored.get(key);
    return stored && { key, size: stored.content.length, modifiedAt: stored.modifiedAt };
  }

  async delete(keys: readonly string[], { signal }: CallOptions = {}): Promise<void> {
    throwIfCancelled(signal);
    for (const key of keys) this.#stored.delete(key);
  }

  async *list({ prefix = '', after, signal }: BlobListOptions = {}): AsyncGenerator<BlobInfo[]> {
    throwIfCancelled(signal);
    const keys = [...this.#stored.keys()].filter((key) => key.startsWith(prefix) && (after === undefined || key > after)).sort();
    for (let at = 0; at < keys.length; at += BATCH) {
      throwIfCancelled(signal);
      yield keys.slice(at, at + BATCH).flatMap((key) => {
        const stored = this.#stored.get(key);
        return stored === undefined ? [] : [{ key, size: stored.content.length, modifiedAt: stored.modifiedAt }];
      });
    }
  }

  async check(): Promise<void> {}

  async close(): Promise<void> {}
}

export function openS3BlobStore({ name }: Config): BlobStore {
  const stored = stores.get(name) ?? new Map<string, Stored>();
  stores.set(name, stored);
  return new S3BlobStore(stored);
}
