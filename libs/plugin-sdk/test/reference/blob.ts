import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type BlobGetOptions,
  type BlobInfo,
  type BlobListOptions,
  type BlobPutOptions,
  type BlobStore,
  type CallOptions,
  defineDriver,
  StoaError,
  throwIfCancelled,
} from '../../src/index.ts';
import { anyObject } from './schema.ts';

export type BlobDefect = 'none' | 'acknowledges before it writes' | 'is seen in parts' | 'replaces';

/** Keys of `BlobStore`, as its description has them. */
const KEY = /^(?!.*(?:^|\/)\.{1,2}(?:\/|$))[0-9a-zA-Z_.-]+(?:\/[0-9a-zA-Z_.-]+)*$/;

interface Stored extends BlobInfo {
  path: string;
}

/** A file for each blob in one folder, which begins with the key and a line feed; the keys are kept in a map. */
class FolderBlobStore implements BlobStore {
  readonly #folder: string;
  readonly #defect: BlobDefect;
  readonly #stored = new Map<string, Stored>();
  readonly #writing = new Map<string, Promise<boolean>>();

  constructor(folder: string, defect: BlobDefect) {
    this.#folder = folder;
    this.#defect = defect;
  }

  async load(): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name);
      const content = await readFile(path);
      const key = content.toString('latin1', 0, content.indexOf(10));
      const size = content.length - key.length - 1;
      if (!name.endsWith('.tmp')) this.#stored.set(key, { key, size, modifiedAt: Date.now(), path });
    }
  }

  async put(
    key: string,
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    { size, signal }: BlobPutOptions,
  ): Promise<{ created: boolean }> {
    throwIfCancelled(signal);
    if (key.length > 512 || !KEY.test(key)) throw new StoaError('invalid-argument', 'not a key');
    const chunks: Uint8Array[] = [];
    for await (const chunk of source) {
      throwIfCancelled(signal);
      chunks.push(chunk);
      if (this.#defect === 'is seen in parts') await this.#write(key, Buffer.concat(chunks));
    }
    const content = Buffer.concat(chunks);
    if (content.length !== size) throw new StoaError('invalid-argument', 'the source has another size');
    const other = this.#writing.get(key);
    if (other !== undefined) return { created: !(await other) };
    if (this.#stored.has(key) && this.#defect !== 'replaces') return { created: false };
    const written = this.#write(key, content);
    this.#writing.set(key, written);
    if (this.#defect === 'acknowledges before it writes') return { created: true };
    return { created: await written };
  }

  async #write(key: string, content: Uint8Array): Promise<boolean> {
    try {
      if (this.#defect === 'acknowledges before it writes') await new Promise((resolve) => setTimeout(resolve, 30));
      const path = join(this.#folder, createHash('sha256').update(key).digest('hex'));
      await writeFile(`${path}.tmp`, Buffer.concat([Buffer.from(`${key}\n`), content]), { flush: true });
      await rename(`${path}.tmp`, path);
      this.#stored.set(key, { key, size: content.length, modifiedAt: Date.now(), path });
      return true;
    } finally {
      this.#writing.delete(key);
    }
  }

  async *get(key: string, { start = 0, end, signal }: BlobGetOptions = {}): AsyncGenerator<Uint8Array> {
    throwIfCancelled(signal);
    await this.#writing.get(key);
    const stored = this.#stored.get(key);
    if (stored === undefined) throw new StoaError('not-found', 'there is no such blob');
    const content = (await readFile(stored.path)).subarray(key.length + 1);
    const part = content.subarray(start, end);
    for (let at = 0; at < part.length; at += 65_536) {
      throwIfCancelled(signal);
      yield part.subarray(at, at + 65_536);
    }
  }

  async head(key: string, { signal }: CallOptions = {}): Promise<BlobInfo | undefined> {
    throwIfCancelled(signal);
    await this.#writing.get(key);
    const stored = this.#stored.get(key);
    return stored && { key, size: stored.size, modifiedAt: stored.modifiedAt };
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) {
      await this.#writing.get(key);
      const stored = this.#stored.get(key);
      this.#stored.delete(key);
      if (stored !== undefined) await rm(stored.path, { force: true });
    }
  }

  async *list({ prefix = '', after = '' }: BlobListOptions = {}): AsyncGenerator<BlobInfo[]> {
    await Promise.all(this.#writing.values());
    const keys = [...this.#stored.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
    for (let start = 0; start < keys.length; start += 500) {
      const infos = await Promise.all(keys.slice(start, start + 500).map((key) => this.head(key)));
      const found = infos.filter((info) => info !== undefined);
      if (found.length > 0) yield found;
    }
  }

  async check(): Promise<void> {}

  async close(): Promise<void> {
    await Promise.all(this.#writing.values());
  }
}

export function blobFactory(defect: BlobDefect) {
  return defineDriver({
    name: 'reference',
    kind: 'blob',
    sdk: '^1.0.0',
    configSchema: anyObject,
    capabilities: { shared: 'process', conditionalCreate: true },
    create: async ({ name }, context) => {
      const folder = join(context.dataDirectory, name);
      await mkdir(folder, { recursive: true });
      const store = new FolderBlobStore(folder, defect);
      await store.load();
      return store;
    },
  });
}
