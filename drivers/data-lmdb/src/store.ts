import {
  type CallOptions,
  type DataCommit,
  type DataEntry,
  type DataStore,
  type Key,
  type KeyRange,
  MAX_KEY_BYTES,
  MAX_VALUE_BYTES,
  type ScanOptions,
  StoaError,
  throwIfCancelled,
} from '@stoa/plugin-sdk';
import { Committer } from './committer.ts';
import { type Database, STAMP_KEY } from './database.ts';
import { fromLmdb } from './errors.ts';
import { Scan } from './scan.ts';
import type { Values } from './values.ts';

export class LmdbStore implements DataStore {
  readonly #db: Database;
  readonly #values: Values;
  readonly #path: string;
  readonly #maxScanMs: number;
  readonly #committer: Committer;
  readonly #scans = new Set<Scan>();
  #closing: Promise<void> | undefined;

  constructor(db: Database, values: Values, path: string, maxScanMs: number) {
    this.#db = db;
    this.#values = values;
    this.#path = path;
    this.#maxScanMs = maxScanMs;
    this.#committer = new Committer(db, path);
  }

  async get(keys: readonly Key[], options: CallOptions = {}): Promise<(Uint8Array | undefined)[]> {
    this.#assertOpen();
    throwIfCancelled(options.signal);
    if (keys.length === 0) return [];
    for (const key of keys) checkKey(key);
    try {
      // One snapshot for all: the loop runs without a pause, in the read transaction made by the first.
      this.#db.resetReadTxn();
      this.#values.begin();
      return keys.map((key) => this.#read(key));
    } catch (error) {
      throw await fromLmdb(error, this.#path);
    }
  }

  #read(key: Key): Uint8Array | undefined {
    const bytes = this.#db.getBinaryFast(key);
    return bytes && this.#values.copy(bytes, 0, (this.#db as Database & { lastSize: number }).lastSize);
  }

  async *scan(range: KeyRange, options: ScanOptions = {}): AsyncGenerator<DataEntry[]> {
    this.#assertOpen();
    throwIfCancelled(options.signal);
    checkKey(range.start);
    checkKey(range.end);
    let scan: Scan | undefined;
    try {
      scan = new Scan(this.#db, this.#values, range, options, this.#maxScanMs, (ended) => this.#scans.delete(ended));
      this.#scans.add(scan);
      for (let batch = scan.next(); batch !== undefined; batch = scan.next()) yield batch;
    } catch (error) {
      throw await fromLmdb(error, this.#path);
    } finally {
      scan?.end();
    }
  }

  async commit(commit: DataCommit, options: CallOptions = {}): Promise<void> {
    this.#assertOpen();
    throwIfCancelled(options.signal);
    checkCommit(commit);
    return this.#committer.commit(commit, options.signal);
  }

  async check(): Promise<void> {
    this.#assertOpen();
    try {
      this.#db.resetReadTxn();
      this.#db.getBinary(STAMP_KEY);
      // Frees the places of processes that died while they read.
      this.#db.readerCheck();
    } catch (error) {
      throw await fromLmdb(error, this.#path);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#committer.idle();
    for (const scan of this.#scans) scan.end(closed());
    await this.#db.close();
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw closed();
  }
}

function closed(): StoaError {
  return new StoaError('unavailable', 'the data store is closed', { retryable: false });
}

/** LMDB would take an oversized value or throw in the middle of a transaction, so sizes are checked before. */
function checkCommit(commit: DataCommit): void {
  for (const { key } of commit.conditions) checkKey(key);
  for (const mutation of commit.mutations) {
    if (mutation.type === 'delete-range') {
      checkKey(mutation.range.start);
      checkKey(mutation.range.end);
      continue;
    }
    checkKey(mutation.key);
    if (mutation.type === 'put' && mutation.value.length > MAX_VALUE_BYTES) {
      throw new StoaError('too-large', `a value has more than ${MAX_VALUE_BYTES} octets`);
    }
  }
}

function checkKey(key: Key): void {
  if (key.length === 0 || key.length > MAX_KEY_BYTES) {
    throw new StoaError('invalid-argument', `a key has ${key.length} octets instead of 1 to ${MAX_KEY_BYTES}`);
  }
}
