// @ts-check
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { StoaError } from '@stoa/plugin-sdk';
import { atStart, isBusy } from './errors.js';

/** "STOA": says whose file it is (PRAGMA application_id). */
const APPLICATION_ID = 0x53544f41;
const FORMAT = 1;

/** SQLite waits with the thread held, so it hardly waits; who may wait longer does so between turns. */
const HELD_MS = 50;
const PATIENCE_MS = 10_000;

/**
 * Runs it again while another process holds the file.
 * @template T
 * @param {() => T} run
 * @returns {Promise<T>}
 */
export async function whenFree(run) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    try {
      return run();
    } catch (error) {
      if (!isBusy(error) || Date.now() > deadline) throw error;
    }
    await delay(1 + Math.random() * 9);
  }
}

/**
 * A connection to a file that is ours.
 * @param {string} path
 */
export function connect(path) {
  const database = new DatabaseSync(path, { timeout: HELD_MS });
  try {
    // FULL: a commit has reached the disk before it returns; with a write-ahead log it does so by one sync.
    database.exec('PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864');
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Opens the file; a new or empty one becomes a store.
 * @param {string} path
 */
export async function openDatabase(path) {
  try {
    await mkdir(dirname(path), { recursive: true });
    return await whenFree(() => {
      const database = connect(path);
      try {
        prepare(database, path);
        return database;
      } catch (error) {
        database.close();
        throw error;
      }
    });
  } catch (error) {
    throw atStart(error, path);
  }
}

/**
 * @param {DatabaseSync} database
 * @param {string} path
 */
function prepare(database, path) {
  const refuse = (/** @type {string} */ why) => new StoaError('invalid-configuration', `path: ${path} ${why}`);
  const owner = read(database, 'PRAGMA application_id');
  const format = read(database, 'PRAGMA user_version');
  if (owner === APPLICATION_ID && format !== FORMAT) throw refuse(`has format ${format}; this driver knows ${FORMAT}`);
  if (owner !== APPLICATION_ID && (owner !== 0 || read(database, 'SELECT count(*) FROM sqlite_schema') !== 0))
    throw refuse("is another program's database; name another file");
  const mode = read(database, 'PRAGMA journal_mode = WAL');
  if (mode !== 'wal') throw refuse(`is on a file system without a write-ahead log (${mode}); use a local disk`);
  if (owner === APPLICATION_ID) return;
  // In one transaction, so that of several processes that begin with a new file each finds all or nothing.
  database.exec(`BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL) STRICT;
    PRAGMA application_id = ${APPLICATION_ID};
    PRAGMA user_version = ${FORMAT};
    COMMIT`);
}

/**
 * The first column of the first row.
 * @param {DatabaseSync} database
 * @param {string} sql
 */
function read(database, sql) {
  return Object.values(database.prepare(sql).get() ?? {})[0];
}
