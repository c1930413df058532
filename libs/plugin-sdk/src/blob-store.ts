import type { CallOptions, Driver } from './call.ts';
import type { DataMutation } from './data-store.ts';

/** Keys are 1 to 512 characters of `[0-9a-zA-Z/_.-]`, without empty, `.` or `..` levels. */
export type BlobKey = string;

export interface BlobInfo {
  key: BlobKey;
  /** Octets. */
  size: number;
  /** Milliseconds since 1970-01-01 UTC; when it was stored. */
  modifiedAt: number;
}

export interface BlobPutOptions extends CallOptions {
  /** Octets that `source` will yield. */
  size: number;
}

export interface BlobGetOptions extends CallOptions {
  /** First octet; 0 by default. */
  start?: number | undefined;
  /** One past the last octet; the end by default. Clipped to the size. */
  end?: number | undefined;
  /** Octets that the blob has, where the caller knows: a hint where to look first. */
  size?: number | undefined;
}

export interface BlobListOptions extends CallOptions {
  prefix?: string | undefined;
  /** Only keys that sort after this one. */
  after?: BlobKey | undefined;
}

/**
 * A store of immutable byte strings.
 *
 * - `put` stores only when the key is absent, and tells whether it did; the content of a key never changes. It is durable
 *   before it resolves, and nothing is to be seen under the key before the whole content is there. When `source` fails
 *   or yields another number of octets than `size`, nothing is stored and `put` rejects (`invalid-argument` for the size).
 * - `get` rejects with `not-found` for an absent key, at the latest with the first chunk. Memory stays bounded whatever the size.
 * - A `get` that is left early (`return`) frees what it holds.
 * - `put` rejects with `storage-full` when the disk or the quota behind the store is.
 * - `delete` of an absent key is no error.
 * - `list` yields batches in key order (that of the characters' codes), no empty one, each bounded by the driver (about
 *   1,000). A key stored or deleted meanwhile may or may not be in it.
 */
export interface BlobStore extends Driver {
  put(
    key: BlobKey,
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
    options: BlobPutOptions,
  ): Promise<{ created: boolean }>;
  get(key: BlobKey, options?: BlobGetOptions): AsyncIterable<Uint8Array>;
  /**
   * Only of stores where many small blobs are read faster together than one by one: their contents, in the order of `keys`
   * (callers name at most 100, the same key maybe more than once). Undefined for a blob that is not small or not there:
   * `get` reads it or tells. What is small is the store's own matter, up to 1 MiB.
   */
  getSmall?(keys: readonly BlobKey[], options?: CallOptions): Promise<(Uint8Array | undefined)[]>;
  head(key: BlobKey, options?: CallOptions): Promise<BlobInfo | undefined>;
  delete(keys: readonly BlobKey[], options?: CallOptions): Promise<void>;
  list(options?: BlobListOptions): AsyncIterable<BlobInfo[]>;
  /**
   * Only of stores that keep blobs inside the node's own data store (the capability `joinsCommit`): what a commit to that
   * store must contain for the blob to be stored when the commit is; undefined for a blob that does not lie there, which
   * `put` stores. Reads and writes nothing itself, and asks nothing: a blob that is there already is written once more,
   * so `content` must be all that was ever stored under the key. `content` stays unchanged until the commit is settled.
   */
  join?(key: BlobKey, content: Uint8Array): DataMutation[] | undefined;
}

export interface BlobCapabilities {
  readonly shared: 'process' | 'host' | 'network';
  /**
   * `put` is atomic against a concurrent `put` of the same key: exactly one of them reports `created`. Without it several
   * may; the content is the same all the same, since keys are content addresses.
   */
  readonly conditionalCreate: boolean;
  /** `join` is there: small blobs can be stored by a commit to the node's own data store. Absent: false. */
  readonly joinsCommit?: boolean;
}
