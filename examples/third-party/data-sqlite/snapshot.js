// @ts-check
import { StoaError } from '@stoa/plugin-sdk';
import { connect } from './database.js';

/** @import { DatabaseSync } from 'node:sqlite' */
/** @import { DataEntry, KeyRange } from '@stoa/plugin-sdk' */

const MAX_OPEN_MS = 60_000;
const MAX_BATCH_ENTRIES = 1000;
const MAX_BATCH_BYTES = 1024 * 1024;
const MAX_RESTING = 4;

/** What one scan sees: a connection with an open transaction, in which nothing changes. */
export class Snapshot {
  #database;
  #release;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  /** @type {StoaError | undefined} Why it ended before the scan did. */
  #ended;

  /**
   * @param {DatabaseSync} database
   * @param {(snapshot: Snapshot, database: DatabaseSync) => void} release
   */
  constructor(database, release) {
    this.#database = database;
    this.#release = release;
    // The transaction begins with the first read, so that comes now.
    database.exec('BEGIN; SELECT 1 FROM entries LIMIT 1');
    // While it is open the write-ahead log only grows.
    this.#timer = setTimeout(
      () => this.end(new StoaError('deadline-exceeded', 'the scan was open too long')),
      MAX_OPEN_MS,
    );
    this.#timer.unref();
  }

  /**
   * The next entries of the range.
   * @param {KeyRange} range
   * @param {{ limit: number, reverse: boolean, keysOnly: boolean }} options
   * @returns {DataEntry[]}
   */
  read({ start, end }, { limit, reverse, keysOnly }) {
    if (this.#ended !== undefined) throw this.#ended;
    const columns = keysOnly ? "key, x'' AS value" : 'key, value';
    const order = reverse ? 'DESC' : 'ASC';
    const sql = `SELECT ${columns} FROM entries WHERE key >= ? AND key < ? ORDER BY key ${order} LIMIT ?`;
    const rows = this.#database.prepare(sql).iterate(start, end, Math.min(limit, MAX_BATCH_ENTRIES));
    const batch = [];
    let size = 0;
    for (const row of rows) {
      const { key, value } = /** @type {{ key: Uint8Array, value: Uint8Array }} */ (/** @type {unknown} */ (row));
      batch.push({ key, value });
      size += key.length + value.length;
      if (size >= MAX_BATCH_BYTES) break;
    }
    return batch;
  }

  /** @param {StoaError} [why] told to who reads on */
  end(why) {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#ended = why;
    this.#database.exec('ROLLBACK');
    this.#release(this, this.#database);
  }
}

/** Connections for scans: each has one to itself, and leaves it to the next. */
export class Snapshots {
  #path;
  /** @type {Set<Snapshot>} */
  #open = new Set();
  /** @type {DatabaseSync[]} */
  #resting = [];
  #closed = false;

  /** @param {string} path */
  constructor(path) {
    this.#path = path;
  }

  take() {
    const database = this.#resting.pop() ?? connect(this.#path);
    try {
      const snapshot = new Snapshot(database, (ended, free) => this.#released(ended, free));
      this.#open.add(snapshot);
      return snapshot;
    } catch (error) {
      database.close();
      throw error;
    }
  }

  /**
   * @param {Snapshot} snapshot
   * @param {DatabaseSync} database
   */
  #released(snapshot, database) {
    this.#open.delete(snapshot);
    if (this.#closed || this.#resting.length >= MAX_RESTING) database.close();
    else this.#resting.push(database);
  }

  /** @param {StoaError} why */
  close(why) {
    this.#closed = true;
    for (const snapshot of this.#open) snapshot.end(why);
    for (const database of this.#resting.splice(0)) database.close();
  }
}
