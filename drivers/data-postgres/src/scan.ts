import { type DataEntry, type KeyRange, type ScanOptions, StoaError, throwIfCancelled } from '@stoa/plugin-sdk';
import type { PoolClient } from 'pg';
import type { Database, Row } from './database.ts';
import { parseBytea } from './encode.ts';
import type { Statement } from './sql.ts';

interface Window {
  entries: number;
  octets: number;
}

/** Tried first, in a single statement. */
const FIRST: Window = { entries: 1000, octets: 1024 * 1024 };
/** Read ahead at a time in a transaction, so that most scans have left it before their first batch is looked at. */
const NEXT: Window = { entries: 5000, octets: 4 * 1024 * 1024 };
const BATCH: Window = { entries: 1000, octets: 1024 * 1024 };

export interface ScanContext {
  readonly database: Database;
  readonly statement: Statement;
  readonly maxScanMs: number;
  /** Scans that hold a connection; ended when the store is closed. */
  readonly open: Set<LongScan>;
}

/** One snapshot in batches: by one statement where that reads all, else by a transaction that is kept while needed. */
export async function* scanRange(
  context: ScanContext,
  range: KeyRange,
  options: ScanOptions,
): AsyncGenerator<DataEntry[]> {
  const { signal, limit = Number.MAX_SAFE_INTEGER } = options;
  throwIfCancelled(signal);
  if (limit < 1 || Buffer.compare(range.start, range.end) >= 0) return;
  const rows = await context.database.read(context.statement, scanValues(range, options, limit, FIRST));
  if (!hasMore(rows)) {
    yield* batches(rows, signal);
    return;
  }
  throwIfCancelled(signal);
  const scan = await LongScan.begin(context);
  try {
    yield* scan.windows(range, options, limit);
  } finally {
    scan.end();
  }
}

/** A scan in a transaction of its own. */
export class LongScan {
  readonly #context: ScanContext;
  #client: PoolClient | undefined;
  #failed = false;
  #ended: StoaError | undefined;
  readonly #timer: NodeJS.Timeout;

  static async begin(context: ScanContext): Promise<LongScan> {
    return new LongScan(context, await context.database.beginScan(context.maxScanMs + 10_000));
  }

  private constructor(context: ScanContext, client: PoolClient) {
    this.#context = context;
    this.#client = client;
    context.open.add(this);
    this.#timer = setTimeout(
      () => this.end(new StoaError('deadline-exceeded', 'the scan stayed open for too long')),
      context.maxScanMs,
    );
    this.#timer.unref();
  }

  async *windows({ start, end }: KeyRange, options: ScanOptions, limit: number): AsyncGenerator<DataEntry[]> {
    const { database, statement } = this.#context;
    let left = limit;
    let range = { start, end };
    for (;;) {
      throwIfCancelled(options.signal);
      if (this.#client === undefined) throw this.#ended;
      const client = this.#client;
      let rows: Row[];
      try {
        rows = await database.readInScan(client, statement, scanValues(range, options, left, NEXT));
      } catch (error) {
        this.#failed = true;
        throw this.#ended ?? error;
      }
      const more = hasMore(rows);
      if (more) rows.pop();
      else this.end();
      left -= rows.length;
      const last = parseBytea(rows.at(-1)![0] as string);
      for (const batch of batches(rows, options.signal)) {
        if (this.#ended !== undefined) throw this.#ended;
        yield batch;
      }
      if (!more) return;
      // Upwards from the smallest key after the last one.
      range = options.reverse === true ? { start, end: last } : { start: Buffer.concat([last, Buffer.of(0)]), end };
    }
  }

  /** Gives the connection back, twice without harm; with a reason, what follows is refused. */
  end(reason?: StoaError): void {
    this.#ended ??= reason;
    const client = this.#client;
    if (client === undefined) return;
    this.#client = undefined;
    clearTimeout(this.#timer);
    this.#context.open.delete(this);
    // Before its time the connection may be in use.
    void this.#context.database.endScan(client, this.#failed || reason !== undefined);
  }
}

function scanValues(range: KeyRange, options: ScanOptions, limit: number, window: Window) {
  return [
    Buffer.from(range.start),
    Buffer.from(range.end),
    options.reverse === true,
    options.keysOnly === true,
    // One more than fits tells that there are more.
    Math.min(limit, window.entries + 1),
    window.entries,
    window.octets,
  ];
}

/** The last row is of nulls. */
function hasMore(rows: readonly Row[]): boolean {
  return rows.length > 0 && rows.at(-1)![0] === null;
}

function* batches(rows: readonly Row[], signal: AbortSignal | undefined): Generator<DataEntry[]> {
  let batch: DataEntry[] = [];
  let octets = 0;
  for (const [key, value] of rows) {
    const entry = { key: parseBytea(key as string), value: parseBytea(value as string) };
    batch.push(entry);
    octets += entry.key.length + entry.value.length;
    if (batch.length < BATCH.entries && octets < BATCH.octets) continue;
    yield batch;
    throwIfCancelled(signal);
    batch = [];
    octets = 0;
  }
  if (batch.length > 0) yield batch;
}
