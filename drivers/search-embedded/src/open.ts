import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type DriverContext, isStoaError, type SearchStore, StoaError } from '@stoa/plugin-sdk';
import type { Config } from './config.ts';
import { FORMAT_VERSION } from './database.ts';
import { EmbeddedSearch } from './store.ts';

const STAMP = 'stoa-search.json';
const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** Opens the folder, or makes it; rejects with `invalid-configuration` or `unsupported-version` and says what to do. */
export async function openStore(config: Config, context: DriverContext): Promise<SearchStore> {
  const folder = resolve(context.dataDirectory, config.path);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    await checkStamp(folder, config.files);
  } catch (error) {
    if (isStoaError(error)) throw error;
    if (FULL.has((error as NodeJS.ErrnoException).code ?? '')) {
      throw new StoaError('storage-full', 'the disk of the search index is full', { cause: error });
    }
    const reason = error instanceof Error ? error.message : String(error);
    const message = `the folder ${folder} of the search index cannot be used (${reason}); set "path"`;
    throw new StoaError('invalid-configuration', message, { cause: error });
  }
  return new EmbeddedSearch({ folder, files: config.files }, context.logger);
}

/** Accounts are found by the number of files, so another number would miss what is indexed. */
async function checkStamp(folder: string, files: number): Promise<void> {
  const path = join(folder, STAMP);
  const made = JSON.stringify({ format: FORMAT_VERSION, files });
  const found = (await readStamp(path)) ?? (await writeStamp(path, made));
  if (found === made) return;
  const message = `the search index in ${folder} was made as ${found}, the configuration asks for ${made}; set "files" back or delete the folder, and it will be filled anew`;
  throw new StoaError('unsupported-version', message);
}

function readStamp(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return undefined;
  });
}

/** Several processes may make the folder at a time: the stamp of one is there whole, or not at all. Returns that one. */
async function writeStamp(path: string, text: string): Promise<string> {
  const own = `${path}.${randomUUID()}`;
  await writeFile(own, text, { mode: 0o600, flush: true });
  try {
    await link(own, path);
    return text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return await readFile(path, 'utf8');
  } finally {
    await unlink(own);
  }
}
