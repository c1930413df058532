import { statfs } from 'node:fs/promises';
import { isStoaError, StoaError } from '@stoa/plugin-sdk';

const MDB_MAP_FULL = -30792;
const MDB_READERS_FULL = -30790;
const ENOSPC = 28;
const EIO = 5;
const EDQUOT = 122;

/** Below this the filesystem counts as full: LMDB reports a write cut short by a full disk as an I/O error. */
const FULL_BELOW_BYTES = 1024 * 1024;

/** An error of LMDB as a StoaError. `path` is the folder of the database. */
export async function fromLmdb(error: unknown, path: string): Promise<StoaError> {
  if (isStoaError(error)) return error;
  const cause = await commitError(error);
  const code = (cause as { code?: unknown } | null)?.code;
  if (code === ENOSPC || code === EDQUOT || code === MDB_MAP_FULL || (code === EIO && (await isFull(path)))) {
    return new StoaError('storage-full', 'the disk of the data store is full', { cause });
  }
  if (code === MDB_READERS_FULL) {
    return new StoaError('resource-exhausted', 'too many snapshots of the data store are open', { cause });
  }
  return new StoaError('unavailable', `the data store failed: ${cause instanceof Error ? cause.message : cause}`, {
    cause,
  });
}

/** lmdb-js rejects with a general error that carries a promise, itself rejected with the cause. */
async function commitError(error: unknown): Promise<unknown> {
  const inner = (error as { commitError?: unknown } | null)?.commitError;
  if (!(inner instanceof Promise)) return error;
  return inner.then(
    () => error,
    (cause: unknown) => cause,
  );
}

async function isFull(path: string): Promise<boolean> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize < FULL_BELOW_BYTES;
  } catch {
    return false;
  }
}
