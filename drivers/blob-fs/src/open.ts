import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { type BlobStore, type DriverContext, isStoaError, StoaError } from '@stoa/plugin-sdk';
import type { Config } from './config.ts';
import { Directories } from './directories.ts';
import { fromFileSystem } from './errors.ts';
import { isErrno, link, removeFile } from './files.ts';
import { FileSystemStore } from './store.ts';

const FORMAT_VERSION = 1;
const STAMP = 'stoa-blobs.json';

/** Opens the folder, or makes it; rejects with `invalid-configuration` or `unsupported-version` and says what to do. */
export async function openStore(config: Config, context: DriverContext): Promise<BlobStore> {
  const root = resolve(context.dataDirectory, config.path);
  const temporary = join(root, 'tmp');
  const blobs = join(root, 'blobs');
  try {
    await mkdir(temporary, { recursive: true, mode: 0o700 });
    await mkdir(blobs, { recursive: true, mode: 0o700 });
    await checkStamp(root, temporary);
    const directories = new Directories(blobs);
    await directories.sync(root);
    await directories.sync(dirname(root));
    const removed = await removeRemains(temporary, Date.now() - config.temporaryAge);
    if (removed > 0) context.logger.info({ removed, path: temporary }, 'removed the remains of interrupted writes');
    return new FileSystemStore(blobs, temporary, directories);
  } catch (error) {
    if (isStoaError(error)) throw error;
    if (isErrno(error, 'ENOSPC', 'EDQUOT')) throw fromFileSystem(error);
    const reason = error instanceof Error ? error.message : String(error);
    const message = `the folder ${root} of the blob store cannot be used (${reason}); set "path"`;
    throw new StoaError('invalid-configuration', message, { cause: error });
  }
}

/** Marks a new folder with the version of its layout, and refuses one of another. */
async function checkStamp(root: string, temporary: string): Promise<void> {
  const path = join(root, STAMP);
  const stamp = (await readStamp(path)) ?? (await writeStamp(path, temporary));
  const format = parseFormat(stamp);
  if (format !== FORMAT_VERSION) {
    const message = `the blob store in ${root} has format ${format ?? 'unknown'}, this version of Stoa reads ${FORMAT_VERSION}`;
    throw new StoaError('unsupported-version', message);
  }
}

async function readStamp(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Made as blobs are, so that a file system without hard links is known from the start. */
async function writeStamp(path: string, temporary: string): Promise<string> {
  const draft = join(temporary, randomUUID());
  try {
    await writeFile(draft, JSON.stringify({ format: FORMAT_VERSION }), { mode: 0o600, flush: true });
    await link(draft, path);
  } catch (error) {
    // Another process that starts at the same time was faster.
    if (!isErrno(error, 'EEXIST')) throw error;
  } finally {
    await removeFile(draft);
  }
  return readFile(path, 'utf8');
}

function parseFormat(text: string): number | undefined {
  try {
    const { format } = JSON.parse(text) as { format?: unknown };
    return typeof format === 'number' ? format : undefined;
  } catch {
    return undefined;
  }
}

/** Only what is old: another process may be writing in the same folder. */
async function removeRemains(folder: string, olderThan: number): Promise<number> {
  let removed = 0;
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found === undefined || !found.isFile() || found.mtimeMs >= olderThan) continue;
    await removeFile(path);
    removed += 1;
  }
  return removed;
}
