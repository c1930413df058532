import {
  type BlobCapabilities,
  type BlobGetOptions,
  type BlobInfo,
  type BlobKey,
  type BlobListOptions,
  type BlobPutOptions,
  type BlobStore,
  type CallOptions,
  type DataMutation,
  type DataStore,
  hasCode,
  MAX_COMMIT_MUTATIONS,
  StoaError,
  throwIfCancelled,
} from '@stoa/plugin-sdk';
import { gather } from './gather.ts';
import { mergeListings } from './merge.ts';
import { blobOfInfo, contentKey, decodeInfo, deleting, infoKey, infoRange, storing } from './rows.ts';

type Source = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

const LIST_PAGE = 1000;
const MAX_ATTEMPTS = 10;
/** Rows that one commit deletes, two for each blob. */
const DELETES = MAX_COMMIT_MUTATIONS / 4;

/**
 * Small blobs in rows of the data store, larger ones in a store outside. Which blob lies where is not written down: the
 * threshold may have been another when it was stored, so whatever is not found in one is looked for in the other.
 */
export class InlineBlobStore implements BlobStore {
  readonly capabilities: BlobCapabilities;
  /** Absent where nothing new is to lie in the data store. */
  readonly join?: NonNullable<BlobStore['join']>;
  readonly #data: DataStore;
  readonly #outer: BlobStore;
  readonly #threshold: number;
  #closing: Promise<void> | undefined;

  /** `threshold`: octets; 0: nothing new lies in the data store, not even what is empty. */
  constructor(data: DataStore, outer: BlobStore, threshold: number, made: Omit<BlobCapabilities, 'joinsCommit'>) {
    this.#data = data;
    this.#outer = outer;
    this.#threshold = threshold;
    this.capabilities = { ...made, joinsCommit: threshold > 0 };
    if (threshold > 0) this.join = (key, content) => this.#join(key, content);
  }

  #fits(size: number): boolean {
    return this.#threshold > 0 && size <= this.#threshold;
  }

  #join(key: BlobKey, content: Uint8Array): DataMutation[] | undefined {
    this.#assertOpen();
    return this.#fits(content.length) ? storing(key, content, Date.now()) : undefined;
  }

  async put(key: BlobKey, source: Source, options: BlobPutOptions): Promise<{ created: boolean }> {
    this.#enter(options);
    const { size, signal } = options;
    if (!this.#fits(size)) {
      if ((await this.#infoInside(key, signal)) !== undefined) return { created: false };
      return this.#outer.put(key, source, options);
    }
    const [content, outside] = await bothOf(gather(source, options), this.#outer.head(key, { signal }));
    return { created: outside === undefined && (await this.#create(key, content, signal)) };
  }

  async #create(key: BlobKey, content: Uint8Array, signal: AbortSignal | undefined): Promise<boolean> {
    const conditions = [{ key: infoKey(key), equals: undefined }];
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#data.commit({ conditions, mutations: storing(key, content, Date.now()) }, { signal });
        return true;
      } catch (error) {
        if (!hasCode(error, 'conflict') || attempt === MAX_ATTEMPTS) throw error;
        // It may have been there, and be deleted by now.
        if ((await this.#infoInside(key, signal)) !== undefined) return false;
      }
    }
  }

  async *get(key: BlobKey, options: BlobGetOptions = {}): AsyncGenerator<Uint8Array> {
    this.#enter(options);
    const outerFirst = options.size !== undefined && !this.#fits(options.size);
    if (!outerFirst) {
      const content = await this.#contentInside(key, options.signal);
      if (content === undefined) yield* this.#outer.get(key, options);
      else yield* part(content, options);
      return;
    }
    let begun = false;
    try {
      for await (const chunk of this.#outer.get(key, options)) {
        begun = true;
        yield chunk;
      }
    } catch (error) {
      if (begun || !hasCode(error, 'not-found')) throw error;
      const content = await this.#contentInside(key, options.signal);
      if (content === undefined) throw error;
      yield* part(content, options);
    }
  }

  /** What lies in the data store, with one read of it; outside nothing is small. */
  async getSmall(keys: readonly BlobKey[], options: CallOptions = {}): Promise<(Uint8Array | undefined)[]> {
    this.#enter(options);
    return this.#data.get(keys.map(contentKey), options);
  }

  async head(key: BlobKey, options: CallOptions = {}): Promise<BlobInfo | undefined> {
    this.#enter(options);
    return (await this.#infoInside(key, options.signal)) ?? this.#outer.head(key, options);
  }

  async delete(keys: readonly BlobKey[], options: CallOptions = {}): Promise<void> {
    this.#enter(options);
    if (keys.length === 0) return;
    // A blob is in both where it was stored outside, and joined a commit after the threshold was raised.
    await bothOf(this.#outer.delete(keys, options), this.#deleteInside(keys, options));
  }

  async #deleteInside(keys: readonly BlobKey[], options: CallOptions): Promise<void> {
    const found = await this.#data.get(keys.map(infoKey), options);
    const there = keys.filter((_, index) => found[index] !== undefined);
    for (let at = 0; at < there.length; at += DELETES) {
      await this.#data.commit({ conditions: [], mutations: there.slice(at, at + DELETES).flatMap(deleting) }, options);
    }
  }

  async *list(options: BlobListOptions = {}): AsyncGenerator<BlobInfo[]> {
    this.#enter(options);
    yield* mergeListings(this.#listInside(options), this.#outer.list(options));
  }

  /** Page by page: whoever reads may be slower than a snapshot may last. */
  async *#listInside({ prefix = '', after, signal }: BlobListOptions): AsyncGenerator<BlobInfo[]> {
    for (let from = after; ; ) {
      const page: BlobInfo[] = [];
      const range = infoRange(prefix, from);
      if (range === undefined) return;
      for await (const rows of this.#data.scan(range, { limit: LIST_PAGE, signal })) {
        for (const { key, value } of rows) page.push(decodeInfo(blobOfInfo(key), value));
      }
      if (page.length > 0) yield page;
      if (page.length < LIST_PAGE) return;
      from = page.at(-1)?.key;
    }
  }

  async #infoInside(key: BlobKey, signal: AbortSignal | undefined): Promise<BlobInfo | undefined> {
    const [value] = await this.#data.get([infoKey(key)], { signal });
    return value && decodeInfo(key, value);
  }

  async #contentInside(key: BlobKey, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    return (await this.#data.get([contentKey(key)], { signal }))[0];
  }

  async check(): Promise<void> {
    this.#assertOpen();
    await bothOf(this.#data.check(), this.#outer.check());
  }

  /** The data store is the node's, and stays open. */
  close(): Promise<void> {
    this.#closing ??= this.#outer.close();
    return this.#closing;
  }

  #enter({ signal }: CallOptions): void {
    this.#assertOpen();
    throwIfCancelled(signal);
  }

  #assertOpen(): void {
    if (this.#closing !== undefined)
      throw new StoaError('unavailable', 'the blob store is closed', { retryable: false });
  }
}

function* part(content: Uint8Array, { start = 0, end }: BlobGetOptions): Generator<Uint8Array> {
  const octets = content.subarray(start, end);
  if (octets.length > 0) yield octets;
}

/** Waits for both, also where one fails: nothing goes on behind the caller's back. */
async function bothOf<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  const [a, b] = await Promise.allSettled([first, second]);
  if (a.status === 'rejected') throw a.reason;
  if (b.status === 'rejected') throw b.reason;
  return [a.value, b.value];
}
