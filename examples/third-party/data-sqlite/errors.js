// @ts-check
import { isStoaError, StoaError } from '@stoa/plugin-sdk';

// Primary result codes of SQLite (sqlite.org/rescode.html).
const BUSY = 5;
const LOCKED = 6;
const IO = 10;
const CORRUPT = 11;
const FULL = 13;
const CANNOT_OPEN = 14;
const NOT_A_DATABASE = 26;

/** @type {ReadonlyMap<number, import('@stoa/plugin-sdk').ErrorCode>} */
const CODES = new Map([
  [BUSY, 'unavailable'],
  [LOCKED, 'unavailable'],
  [IO, 'unavailable'],
  [CORRUPT, 'data-loss'],
  [FULL, 'storage-full'],
  [CANNOT_OPEN, 'unavailable'],
  [NOT_A_DATABASE, 'data-loss'],
]);

/** @param {unknown} error */
function resultCode(error) {
  const { errcode } = /** @type {{ errcode?: number }} */ (error);
  return errcode === undefined ? undefined : errcode & 0xff;
}

/**
 * Another process writes at this moment.
 * @param {unknown} error
 */
export function isBusy(error) {
  return resultCode(error) === BUSY;
}

/**
 * @param {unknown} error
 * @param {string} path
 */
export function fromSqlite(error, path) {
  if (isStoaError(error)) return error;
  const code = CODES.get(resultCode(error) ?? -1) ?? 'internal';
  return new StoaError(code, `${path}: ${/** @type {Error} */ (error).message}`, { cause: error });
}

/**
 * What the start says: something to change, not something to wait for.
 * @param {unknown} error
 * @param {string} path
 */
export function atStart(error, path) {
  const known = fromSqlite(error, path);
  const code = resultCode(error);
  if (code !== CANNOT_OPEN && code !== NOT_A_DATABASE) return known;
  return new StoaError('invalid-configuration', `path: ${known.message}`, { cause: error });
}
