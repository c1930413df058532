import type { CallOptions, Driver } from './call.ts';

/** Keys are compared as unsigned bytes; at least one octet, at most `MAX_KEY_BYTES`. */
export type Key = Uint8Array;

export const MAX_KEY_BYTES = 1024;
export const MAX_VALUE_BYTES = 4 * 1024 * 1024;
/** What every driver takes in one commit: this many mutations, with so many octets of keys and values in all. */
export const MAX_COMMIT_MUTATIONS = 10_000;
export const MAX_COMMIT_BYTES = 16 * 1024 * 1024;

/**
 * Keys whose first octet is this or above are for drivers that keep rows of their own in the node's data store; the second
 * octet names the driver, so that none meets another. Stoa's own rows lie below. 0xf0 0x62: `blob-inline`.
 */
export const FIRST_DRIVER_KEY = 0xf0;

export interface DataEntry {
  key: Key;
  value: Uint8Array;
}

/** `start` is inclusive, `end` exclusive. */
export interface KeyRange {
  start: Key;
  end: Key;
}

export interface ScanOptions extends CallOptions {
  limit?: number | undefined;
  /** From the end of the range downwards. */
  reverse?: boolean | undefined;
  /** Values come back empty; for counting and deleting. */
  keysOnly?: boolean | undefined;
}

/** The key must have exactly this value now; `undefined`: it must not exist. */
export interface DataCondition {
  key: Key;
  equals: Uint8Array | undefined;
}

export type DataMutation =
  | { type: 'put'; key: Key; value: Uint8Array }
  | { type: 'delete'; key: Key }
  | { type: 'delete-range'; range: KeyRange };

export interface DataCommit {
  conditions: readonly DataCondition[];
  /** Applied in this order. */
  mutations: readonly DataMutation[];
}

/**
 * An ordered, transactional key-value store.
 *
 * - `commit` is atomic across keys, isolated (serialisable), and durable before it resolves: what it wrote survives the
 *   loss of power. It rejects with `conflict` when a condition does not hold, and then has changed nothing. When it
 *   rejects otherwise, the outcome may be either, but never part of it.
 * - `get` answers all its keys from one snapshot; `scan` yields batches from one snapshot. Both see every commit that
 *   resolved before they were called.
 * - A scan holds its snapshot until it ends or is left (`return`). A driver may end one that stays open too long, at least
 *   30 seconds, with `deadline-exceeded`.
 * - `commit` rejects with `storage-full` when the disk or the quota behind the store is.
 * - Values given to the driver are not changed by it, and those it returns are the caller's to keep.
 */
export interface DataStore extends Driver {
  get(keys: readonly Key[], options?: CallOptions): Promise<(Uint8Array | undefined)[]>;
  /** Batches of entries in key order; no empty batch. A batch is bounded by the driver (about 1,000 entries or 1 MiB). */
  scan(range: KeyRange, options?: ScanOptions): AsyncIterable<DataEntry[]>;
  commit(commit: DataCommit, options?: CallOptions): Promise<void>;
}

export interface DataCapabilities {
  /** Who may use the same store at a time: one process, several on one host, or several on several hosts. */
  readonly shared: 'process' | 'host' | 'network';
}
