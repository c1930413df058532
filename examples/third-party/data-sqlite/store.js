// @ts-check
import { StoaError, throwIfCancelled } from '@stoa/plugin-sdk';
import { openDatabase, whenFree } from './database.js';
import { fromSqlite } from './errors.js';
import { Snapshots } from './snapshot.js';

/** @import { DatabaseSync } from 'node:sqlite' */
/** @import { CallOptions, DataCommit, DataCondition, DataEntry, DataMutation, DataStore, Key, KeyRange, ScanOptions } from '@stoa/plugin-sdk' */

/** @param {string} path */
export async function openStore(path) {
  return new SqliteStore(await openDatabase(path), path);
}

/**
 * SQLite answers within the turn, so a commit is a transaction from BEGIN to COMMIT in which no other code of this process
 * runs; processes take turns by the lock on the file. Scans go on over many turns and have connections of their own.
 * @implements {DataStore}
 */
class SqliteStore {
  #database;
  #path;
  #snapshots;
  #statements;
  #closed = false;

  /**
   * @param {DatabaseSync} database
   * @param {string} path
   */
  constructor(database, path) {
    this.#database = database;
    this.#path = path;
    this.#snapshots = new Snapshots(path);
    this.#statements = {
      get: database.prepare('SELECT value FROM entries WHERE key = ?'),
      put: database.prepare('INSERT INTO entries VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value'),
      delete: database.prepare('DELETE FROM entries WHERE key = ?'),
      deleteRange: database.prepare('DELETE FROM entries WHERE key >= ? AND key < ?'),
    };
  }

  /**
   * @param {readonly Key[]} keys
   * @param {CallOptions} [options]
   */
  async get(keys, { signal } = {}) {
    this.#enter(signal);
    return this.#attempt(() => this.#transaction('BEGIN', () => keys.map((key) => this.#value(key))));
  }

  /**
   * @param {KeyRange} range
   * @param {ScanOptions} [options]
   * @returns {AsyncGenerator<DataEntry[], void, undefined>}
   */
  async *scan({ start, end }, { limit = Number.MAX_SAFE_INTEGER, reverse = false, keysOnly = false, signal } = {}) {
    this.#enter(signal);
    const snapshot = await this.#attempt(() => this.#snapshots.take());
    try {
      const rest = { start, end };
      for (let left = limit; left > 0; ) {
        throwIfCancelled(signal);
        const batch = snapshot.read(rest, { limit: left, reverse, keysOnly });
        const last = batch.at(-1)?.key;
        if (last === undefined) return;
        left -= batch.length;
        // A copy: what was given out is the caller's, who may change it.
        if (reverse) rest.end = last.slice();
        else rest.start = Buffer.concat([last, new Uint8Array(1)]);
        yield batch;
      }
    } catch (error) {
      throw fromSqlite(error, this.#path);
    } finally {
      snapshot.end();
    }
  }

  /**
   * @param {DataCommit} commit
   * @param {CallOptions} [options]
   */
  async commit({ conditions, mutations }, { signal } = {}) {
    this.#enter(signal);
    await this.#attempt(() => {
      this.#enter(signal);
      // IMMEDIATE: the lock comes first, so what the conditions see holds until the end.
      this.#transaction('BEGIN IMMEDIATE', () => {
        for (const condition of conditions) this.#require(condition);
        for (const mutation of mutations) this.#apply(mutation);
      });
    });
  }

  async check() {
    this.#enter();
    await this.#attempt(() => this.#value(new Uint8Array(1)));
  }

  async close() {
    if (this.#closed) return;
    this.#closed = true;
    this.#snapshots.close(closed());
    this.#database.close();
  }

  /** @param {AbortSignal} [signal] */
  #enter(signal) {
    if (this.#closed) throw closed();
    throwIfCancelled(signal);
  }

  /**
   * @template T
   * @param {() => T} run
   * @returns {Promise<T>}
   */
  async #attempt(run) {
    try {
      return await whenFree(run);
    } catch (error) {
      throw this.#closed ? closed() : fromSqlite(error, this.#path);
    }
  }

  /**
   * @template T
   * @param {'BEGIN' | 'BEGIN IMMEDIATE'} begin
   * @param {() => T} run
   */
  #transaction(begin, run) {
    this.#database.exec(begin);
    try {
      const result = run();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      // SQLite has rolled back by itself after some errors, such as a full disk.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      throw error;
    }
  }

  /**
   * @param {Key} key
   * @returns {Uint8Array | undefined}
   */
  #value(key) {
    const row = /** @type {{ value: Uint8Array } | undefined} */ (
      /** @type {unknown} */ (this.#statements.get.get(key))
    );
    return row?.value;
  }

  /** @param {DataCondition} condition */
  #require({ key, equals }) {
    const actual = this.#value(key);
    const holds =
      actual === undefined || equals === undefined ? actual === equals : Buffer.compare(actual, equals) === 0;
    if (!holds) throw new StoaError('conflict', 'a condition does not hold');
  }

  /** @param {DataMutation} mutation */
  #apply(mutation) {
    if (mutation.type === 'put') this.#statements.put.run(mutation.key, mutation.value);
    else if (mutation.type === 'delete') this.#statements.delete.run(mutation.key);
    else this.#statements.deleteRange.run(mutation.range.start, mutation.range.end);
  }
}

function closed() {
  return new StoaError('unavailable', 'the data store is closed', { retryable: false });
}
