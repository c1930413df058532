import { type BlobStore, type DataCondition, type DataStore, hasCode } from '@stoa/plugin-sdk';
import { blobLinks, blobMark, blobMarks, blobOfLink } from '../keys.ts';
import { blobKey, parseBlobKey } from './blob-key.ts';
import { type BlobMark, decodeBlobMark, encodeBlobMark } from './blob-mark.ts';
import { DELETING_MS, RESERVATION_MS } from './bodies.ts';

/**
 * A run deletes within this time after it wrote `deleting`, or not at all; `DELETING_MS` is longer, so that a process that
 * was paused does not delete what was stored again meanwhile.
 */
const DELETE_WITHIN_MS = 20_000;
/** The word that a blob was deleted is kept until no delivery can be under way that stored it before. */
const KEEP_DELETED_MS = 2 * RESERVATION_MS;
/** Blobs that are deleted at the same time. */
const PARALLEL = 16;
const MARKS_PER_COMMIT = 500;

export interface CollectOptions {
  /** Blobs and marks younger than this are left alone. */
  graceMs: number;
  now(): number;
  /** Conditions that hold while the caller's lease does; part of every commit. */
  fence?(): Promise<readonly DataCondition[]>;
  signal?: AbortSignal | undefined;
}

export interface CollectProgress {
  examined: number;
  marked: number;
  deleted: number;
  deletedBytes: number;
}

interface Stores {
  data: DataStore;
  blobs: BlobStore;
}

/**
 * One run of the garbage collection: deletes what an earlier run marked and nobody took back since, then marks what no
 * message links. Yields its progress, counted from the beginning.
 */
export async function* collectBlobs(stores: Stores, options: CollectOptions): AsyncGenerator<CollectProgress> {
  const progress: CollectProgress = { examined: 0, marked: 0, deleted: 0, deletedBytes: 0 };
  const collection = new Collection(stores, options, progress);
  for await (const _ of collection.deleteMarked()) yield { ...progress };
  for await (const _ of collection.markUnlinked()) yield { ...progress };
  yield { ...progress };
}

class Collection {
  readonly #data: DataStore;
  readonly #blobs: BlobStore;
  readonly #options: CollectOptions;
  readonly #progress: CollectProgress;

  constructor({ data, blobs }: Stores, options: CollectOptions, progress: CollectProgress) {
    this.#data = data;
    this.#blobs = blobs;
    this.#options = options;
    this.#progress = progress;
  }

  async #fence(): Promise<readonly DataCondition[]> {
    this.#options.signal?.throwIfAborted();
    return (await this.#options.fence?.()) ?? [];
  }

  /** Replaces the mark if it is still `from`; tells whether it was. A lost lease is an error, not a "no". */
  async #replace(blobId: Uint8Array, from: Uint8Array | undefined, to: Uint8Array | undefined): Promise<boolean> {
    const key = blobMark(blobId);
    const fence = await this.#fence();
    try {
      await this.#data.commit({
        conditions: [{ key, equals: from }, ...fence],
        mutations: [to === undefined ? { type: 'delete', key } : { type: 'put', key, value: to }],
      });
      return true;
    } catch (error) {
      if (!hasCode(error, 'conflict')) throw error;
      const [now] = await this.#data.get([key]);
      if (same(now, from)) throw error;
      return false;
    }
  }

  async #linked(blobId: Uint8Array): Promise<boolean> {
    for await (const batch of this.#data.scan(blobLinks(blobId), { limit: 1, keysOnly: true })) {
      if (batch.length > 0) return true;
    }
    return false;
  }

  async *deleteMarked(): AsyncGenerator<void> {
    const { graceMs, now } = this.#options;
    const range = blobMarks();
    for (;;) {
      const entries = [];
      for await (const batch of this.#data.scan(range, { limit: 1000 })) entries.push(...batch);
      if (entries.length === 0) return;
      const due = entries.filter(({ value }) => {
        const mark = decodeBlobMark(value);
        const age = { marked: graceMs, deleting: DELETING_MS, deleted: KEEP_DELETED_MS };
        return now() - mark.at > age[mark.state];
      });
      for (let at = 0; at < due.length; at += PARALLEL) {
        const some = due.slice(at, at + PARALLEL);
        await Promise.all(some.map(({ key, value }) => this.#delete(key.slice(1), value, decodeBlobMark(value))));
        yield;
      }
      range.start = Buffer.concat([entries.at(-1)!.key, Buffer.of(0)]);
    }
  }

  async #delete(blobId: Uint8Array, markBytes: Uint8Array, mark: BlobMark): Promise<void> {
    const { now } = this.#options;
    if (mark.state === 'deleted') {
      await this.#replace(blobId, markBytes, undefined);
      return;
    }
    if (mark.state === 'marked' && (await this.#linked(blobId))) {
      await this.#replace(blobId, markBytes, undefined);
      return;
    }
    const began = now();
    const deleting = encodeBlobMark({ state: 'deleting', at: began });
    // From here on nothing can link it: a delivery's commit needs the mark to be absent, or to be what it was.
    if (!(await this.#replace(blobId, markBytes, deleting))) return;
    if (await this.#linked(blobId)) {
      await this.#replace(blobId, deleting, undefined);
      return;
    }
    const info = await this.#blobs.head(blobKey(blobId));
    if (now() - began > DELETE_WITHIN_MS) {
      await this.#replace(blobId, deleting, encodeBlobMark({ state: 'marked', at: mark.at }));
      return;
    }
    await this.#blobs.delete([blobKey(blobId)], { signal: AbortSignal.timeout(DELETE_WITHIN_MS) });
    if (info !== undefined) {
      this.#progress.deleted++;
      this.#progress.deletedBytes += info.size;
    }
    await this.#replace(blobId, deleting, encodeBlobMark({ state: 'deleted', at: now() }));
  }

  async *markUnlinked(): AsyncGenerator<void> {
    const { graceMs, now } = this.#options;
    for await (const infos of this.#blobs.list({ signal: this.#options.signal })) {
      const ids: Uint8Array[] = [];
      for (const { key, modifiedAt } of infos) {
        this.#progress.examined++;
        const id = parseBlobKey(key);
        if (id !== undefined && now() - modifiedAt > graceMs) ids.push(id);
      }
      if (ids.length > 0) await this.#mark(ids);
      yield;
    }
  }

  /** Marks those of some blobs, ascending, that nothing links. */
  async #mark(ids: readonly Uint8Array[]): Promise<void> {
    const taken = await this.#linkedOrMarked(ids);
    const free = ids.filter((id) => !taken.has(hex(id)));
    for (let at = 0; at < free.length; at += MARKS_PER_COMMIT) {
      const some = free.slice(at, at + MARKS_PER_COMMIT);
      const value = encodeBlobMark({ state: 'marked', at: this.#options.now() });
      const fence = await this.#fence();
      await this.#data.commit({
        conditions: [...some.map((id) => ({ key: blobMark(id), equals: undefined })), ...fence],
        mutations: some.map((id) => ({ type: 'put', key: blobMark(id), value })),
      });
      this.#progress.marked += some.length;
    }
  }

  async #linkedOrMarked(ids: readonly Uint8Array[]): Promise<Set<string>> {
    const taken = new Set<string>();
    const first = ids[0]!;
    const last = ids.at(-1)!;
    const links = blobLinks(first, last);
    for await (const batch of this.#data.scan(links, { keysOnly: true })) {
      for (const { key } of batch) taken.add(hex(blobOfLink(key)));
    }
    const marks = { start: blobMark(first), end: Buffer.concat([blobMark(last), Buffer.of(0)]) };
    for await (const batch of this.#data.scan(marks, { keysOnly: true })) {
      for (const { key } of batch) taken.add(hex(key.subarray(1)));
    }
    return taken;
  }
}

function hex(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('hex');
}

function same(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : Buffer.compare(a, b) === 0;
}
