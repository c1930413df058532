import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
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
import type { Directories } from './directories.ts';
import { fromFileSystem } from './errors.ts';
import { close, fstat, isErrno, open, read, removeFile } from './files.ts';
import { blobInfo, listBlobs } from './list.ts';
import { pathOf } from './paths.ts';
import { putFile } from './put.ts';

const CHUNK_BYTES = 64 * 1024;
const DELETES_AT_ONCE = 16;

export class FileSystemStore implements BlobStore {
  readonly #root: string;
  readonly #temporary: string;
  readonly #directories: Directories;
  #closed = false;

  constructor(root: string, temporary: string, directories: Directories) {
    this.#root = root;
    this.#temporary = temporary;
    this.#directories = directories;
  }

  async put(
    key: BlobKey,
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options: BlobPutOptions,
  ): Promise<{ created: boolean }> {
    const path = this.#enter(key, options);
    let sourceError: unknown;
    try {
      const watched = watch(source, (error) => {
        sourceError = error;
      });
      return await putFile(path, this.#temporary, this.#directories, watched, options);
    } catch (error) {
      // What the source threw belongs to the caller.
      throw sourceError !== undefined && error === sourceError ? error : fromFileSystem(error);
    }
  }

  async *get(key: BlobKey, options: BlobGetOptions = {}): AsyncGenerator<Uint8Array> {
    const path = this.#enter(key, options);
    let fd: number;
    try {
      fd = await open(path, 'r');
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) throw new StoaError('not-found', 'there is no such blob');
      throw fromFileSystem(error);
    }
    try {
      const { size } = await fstat(fd);
      const end = Math.min(options.end ?? size, size);
      for (let position = Math.max(options.start ?? 0, 0); position < end; ) {
        throwIfCancelled(options.signal);
        const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - position));
        const { bytesRead } = await read(fd, chunk, 0, chunk.length, position);
        if (bytesRead === 0) throw new StoaError('data-loss', 'the file of a blob became shorter');
        position += bytesRead;
        yield bytesRead === chunk.length ? chunk : chunk.subarray(0, bytesRead);
      }
    } catch (error) {
      throw fromFileSystem(error);
    } finally {
      await close(fd);
    }
  }

  async head(key: BlobKey, options: CallOptions = {}): Promise<BlobInfo | undefined> {
    const path = this.#enter(key, options);
    return blobInfo({ key, path }).catch(rethrow);
  }

  async delete(keys: readonly BlobKey[], options: CallOptions = {}): Promise<void> {
    const paths = keys.map((key) => this.#enter(key, options));
    for (let start = 0; start < paths.length; start += DELETES_AT_ONCE) {
      throwIfCancelled(options.signal);
      await Promise.all(paths.slice(start, start + DELETES_AT_ONCE).map(removeBlob)).catch(rethrow);
    }
  }

  async *list(options: BlobListOptions = {}): AsyncGenerator<BlobInfo[]> {
    this.#assertOpen();
    try {
      yield* listBlobs(this.#root, options);
    } catch (error) {
      throw fromFileSystem(error);
    }
  }

  async check(): Promise<void> {
    this.#assertOpen();
    await Promise.all([stat(this.#root), stat(this.#temporary)]).catch(rethrow);
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #enter(key: BlobKey, options: CallOptions): string {
    this.#assertOpen();
    throwIfCancelled(options.signal);
    return join(this.#root, pathOf(key));
  }

  #assertOpen(): void {
    if (this.#closed) throw new StoaError('unavailable', 'the blob store is closed', { retryable: false });
  }
}

function rethrow(error: unknown): never {
  throw fromFileSystem(error);
}

async function removeBlob(path: string): Promise<void> {
  try {
    await removeFile(path);
  } catch (error) {
    if (!isErrno(error, 'ENOTDIR')) throw error;
  }
}

async function* watch(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  onError: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* source;
  } catch (error) {
    onError(error);
    throw error;
  }
}
