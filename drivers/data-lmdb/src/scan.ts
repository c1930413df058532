import { cancellation, type DataEntry, type KeyRange, type ScanOptions, StoaError } from '@stoa/plugin-sdk';
import type { RangeOptions, Transaction } from 'lmdb';
import type { Database } from './database.ts';
import type { Values } from './values.ts';

const MAX_BATCH_ENTRIES = 1000;
const MAX_BATCH_BYTES = 1024 * 1024;
const EMPTY = new Uint8Array(0);

interface Batch {
  entries: DataEntry[];
  /** Where the next batch goes on; undefined when the range is done. */
  rest: KeyRange | undefined;
}

/** A scan under way: holds one read transaction, and with it one snapshot, from the first batch to the last. */
export class Scan {
  readonly #db: Database;
  readonly #values: Values;
  readonly #options: ScanOptions;
  readonly #transaction: Transaction;
  readonly #expiry: NodeJS.Timeout;
  readonly #onEnd: (scan: Scan) => void;
  readonly #onAbort = () => this.end(cancellation(this.#options.signal as AbortSignal));
  #rest: KeyRange | undefined;
  #remaining: number;
  #ended: StoaError | true | undefined;

  constructor(
    db: Database,
    values: Values,
    range: KeyRange,
    options: ScanOptions,
    maxAgeMs: number,
    onEnd: (scan: Scan) => void,
  ) {
    this.#db = db;
    this.#values = values;
    this.#options = options;
    this.#onEnd = onEnd;
    this.#remaining = options.limit ?? Number.POSITIVE_INFINITY;
    this.#rest = Buffer.compare(range.start, range.end) < 0 && this.#remaining > 0 ? range : undefined;
    // A transaction kept from earlier in this turn may not see what another process has committed since.
    db.resetReadTxn();
    this.#transaction = db.useReadTransaction();
    this.#expiry = setTimeout(() => {
      this.end(new StoaError('deadline-exceeded', 'the scan was open for too long'));
    }, maxAgeMs);
    this.#expiry.unref();
    options.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** The next batch, or undefined at the end. Frees the snapshot as soon as the range is read. */
  next(): DataEntry[] | undefined {
    if (this.#ended instanceof StoaError) throw this.#ended;
    if (this.#rest === undefined || this.#ended) {
      this.end();
      return undefined;
    }
    const { entries, rest } = this.#read(this.#rest);
    this.#remaining -= entries.length;
    this.#rest = this.#remaining > 0 ? rest : undefined;
    if (this.#rest === undefined) this.end();
    return entries.length > 0 ? entries : undefined;
  }

  /** Frees the snapshot. With an error, the next batch asked for throws it. */
  end(error?: StoaError): void {
    if (this.#ended) return;
    this.#ended = error ?? true;
    clearTimeout(this.#expiry);
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    this.#transaction.done();
    this.#onEnd(this);
  }

  #read(range: KeyRange): Batch {
    const { keysOnly, reverse } = this.#options;
    const bounds: RangeOptions = reverse
      ? { start: range.end, end: range.start, reverse: true, exclusiveStart: true, inclusiveEnd: true }
      : { start: range.start, end: range.end };
    const options = { ...bounds, limit: Math.min(this.#remaining, MAX_BATCH_ENTRIES), transaction: this.#transaction };
    const entries: DataEntry[] = [];
    let bytes = 0;
    let full = false;
    this.#values.begin();
    if (keysOnly) {
      for (const key of this.#db.getKeys(options) as Iterable<Uint8Array>) entries.push({ key, value: EMPTY });
    } else {
      for (const { key, value } of this.#db.getRange(options) as Iterable<DataEntry>) {
        entries.push({ key, value });
        bytes += key.length + value.length;
        full = bytes >= MAX_BATCH_BYTES;
        if (full) break;
      }
    }
    const last = entries.at(-1)?.key;
    if (last === undefined || (!full && entries.length < options.limit)) return { entries, rest: undefined };
    return { entries, rest: reverse ? { start: range.start, end: last } : { start: successor(last), end: range.end } };
  }
}

/** The first key after this one: the key with a zero octet added. */
function successor(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
