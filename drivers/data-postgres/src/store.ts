import {
  type CallOptions,
  type DataCommit,
  type DataEntry,
  type DataStore,
  type Key,
  type KeyRange,
  type ScanOptions,
  StoaError,
  throwIfCancelled,
} from '@stoa/plugin-sdk';
import { Committer } from './committer.ts';
import type { Database } from './database.ts';
import { byteaArray, parseBytea } from './encode.ts';
import { checkBound } from './plan.ts';
import { Reader } from './reader.ts';
import { type LongScan, scanRange } from './scan.ts';
import { statements } from './sql.ts';

export interface StoreOptions {
  readonly schema: string;
  readonly commitConnections: number;
  /** How many connections calls of `get` use at a time. */
  readonly readConnections: number;
  readonly statementTimeoutMs: number;
  readonly maxScanMs: number;
}

export class PostgresStore implements DataStore {
  readonly #database: Database;
  readonly #statements: ReturnType<typeof statements>;
  readonly #maxScanMs: number;
  readonly #reader: Reader;
  readonly #committer: Committer;
  readonly #scans = new Set<LongScan>();
  #closing: Promise<void> | undefined;

  constructor(database: Database, options: StoreOptions) {
    this.#database = database;
    this.#statements = statements(options.schema);
    this.#maxScanMs = options.maxScanMs;
    this.#reader = new Reader((keys) => this.#readKeys(keys), options.readConnections);
    const lockTimeout = Math.ceil(options.statementTimeoutMs);
    this.#committer = new Committer(async (values) => {
      const rows = await database.write(this.#statements.commit, [...values, lockTimeout]);
      return rows[0]![0] as string;
    }, options.commitConnections);
  }

  async get(keys: readonly Key[], { signal }: CallOptions = {}): Promise<(Uint8Array | undefined)[]> {
    this.#assertOpen();
    throwIfCancelled(signal);
    return this.#reader.get(keys, signal);
  }

  async #readKeys(keys: readonly Key[]): Promise<(Uint8Array | undefined)[]> {
    const rows = await this.#database.read(this.#statements.get, [byteaArray(keys)]);
    const values = new Array<Uint8Array | undefined>(keys.length).fill(undefined);
    for (const [at, value] of rows) values[Number(at) - 1] = parseBytea(value as string);
    return values;
  }

  async *scan(range: KeyRange, options: ScanOptions = {}): AsyncGenerator<DataEntry[]> {
    this.#assertOpen();
    checkBound(range.start);
    checkBound(range.end);
    const context = {
      database: this.#database,
      statement: this.#statements.scan,
      maxScanMs: this.#maxScanMs,
      open: this.#scans,
    };
    yield* scanRange(context, range, options);
  }

  async commit(commit: DataCommit, { signal }: CallOptions = {}): Promise<void> {
    this.#assertOpen();
    throwIfCancelled(signal);
    await this.#committer.commit(commit, signal);
  }

  async check(): Promise<void> {
    this.#assertOpen();
    await this.#database.read(this.#statements.check, []);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#committer.idle();
    for (const scan of this.#scans) scan.end(closed());
    await this.#database.close();
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw closed();
  }
}

function closed(): StoaError {
  return new StoaError('unavailable', 'the data store is closed', { retryable: false });
}
