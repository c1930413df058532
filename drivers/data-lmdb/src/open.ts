import { constants } from 'node:fs';
import { access, mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type DataStore, type DriverContext, isStoaError, StoaError } from '@stoa/plugin-sdk';
import { open } from 'lmdb';
import type { Config } from './config.ts';
import { type Database, FORMAT_VERSION, STAMP_KEY } from './database.ts';
import { checkFile } from './file-check.ts';
import { LmdbStore } from './store.ts';
import { octetsBy, Values } from './values.ts';

/** Opens the database, or makes it; rejects with `invalid-configuration` or `unsupported-version` and says what to do. */
export async function openStore(config: Config, context: DriverContext): Promise<DataStore> {
  const path = resolve(context.dataDirectory, config.path);
  await prepareFolder(path);
  await checkFile(join(path, 'data.mdb'));
  const values = new Values();
  let db: Database;
  try {
    db = open<Uint8Array, Uint8Array>({
      path,
      noSubdir: false,
      ...octetsBy(values),
      mapSize: config.addressSpace,
      maxReaders: config.maxReaders,
      // Data is visible only when it is durable: an overlapping sync would let readers see what a power cut takes back.
      overlappingSync: false,
      // Batches are made by the committer.
      eventTurnBatching: false,
    });
  } catch (error) {
    throw new StoaError('invalid-configuration', `cannot open the data store in ${path}: ${messageOf(error)}`, {
      cause: error,
    });
  }
  try {
    await checkStamp(db, path);
    // Places of processes that were killed while they read keep the space of what was deleted since.
    db.readerCheck();
  } catch (error) {
    await db.close();
    throw isStoaError(error)
      ? error
      : new StoaError('unavailable', `cannot use the data store in ${path}: ${messageOf(error)}`, { cause: error });
  }
  return new LmdbStore(db, values, path, config.maxScanTime);
}

async function prepareFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const message = `the folder ${path} of the data store cannot be made or written to (${messageOf(error)}); set "path"`;
    throw new StoaError('invalid-configuration', message, { cause: error });
  }
}

/** Marks a new database with the version of its format; refuses one of another. */
async function checkStamp(db: Database, path: string): Promise<void> {
  const stamp = await db.childTransaction(() => {
    const existing = db.getBinary(STAMP_KEY);
    if (existing !== undefined) return existing;
    for (const _ of db.getKeys({ start: new Uint8Array(1), limit: 1 })) return undefined;
    const made = Buffer.from(JSON.stringify({ format: FORMAT_VERSION }));
    db.putSync(STAMP_KEY, made);
    return made;
  });
  if (stamp === undefined) {
    const message = `${path} holds an LMDB database that Stoa did not make; set "path" to another folder`;
    throw new StoaError('invalid-configuration', message);
  }
  const format = parseFormat(stamp);
  if (format !== FORMAT_VERSION) {
    const message = `the data store in ${path} has format ${format ?? 'unknown'}, this version of Stoa reads ${FORMAT_VERSION}`;
    throw new StoaError('unsupported-version', message);
  }
}

function parseFormat(stamp: Uint8Array): number | undefined {
  try {
    const { format } = JSON.parse(Buffer.from(stamp).toString()) as { format?: unknown };
    return typeof format === 'number' ? format : undefined;
  } catch {
    return undefined;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
