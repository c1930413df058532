import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type BlobInfo, type BlobListOptions, throwIfCancelled } from '@stoa/plugin-sdk';
import { isErrno } from './files.ts';
import { treeEntries } from './paths.ts';

const BATCH = 1000;
const STATS_AT_ONCE = 32;

interface Found {
  key: string;
  path: string;
}

/** Batches of blobs in key order. Memory is bounded by the names of one folder on each level. */
export async function* listBlobs(root: string, options: BlobListOptions): AsyncGenerator<BlobInfo[]> {
  let found: Found[] = [];
  for await (const blob of walk(root, '', options)) {
    found.push(blob);
    if (found.length < BATCH) continue;
    const infos = await statAll(found);
    found = [];
    if (infos.length > 0) yield infos;
  }
  const infos = await statAll(found);
  if (infos.length > 0) yield infos;
}

async function* walk(folder: string, parent: string, options: BlobListOptions): AsyncGenerator<Found> {
  throwIfCancelled(options.signal);
  const { prefix = '', after = '' } = options;
  for (const { name, key, isBlob } of treeEntries(await readNames(folder), parent)) {
    const path = join(folder, name);
    if (isBlob) {
      if (key > after && key.startsWith(prefix)) yield { key, path };
    } else if ((key.startsWith(prefix) || prefix.startsWith(key)) && (key > after || after.startsWith(key))) {
      yield* walk(path, key, options);
    }
  }
}

async function readNames(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

async function statAll(found: readonly Found[]): Promise<BlobInfo[]> {
  const infos: BlobInfo[] = [];
  for (let start = 0; start < found.length; start += STATS_AT_ONCE) {
    const some = await Promise.all(found.slice(start, start + STATS_AT_ONCE).map(blobInfo));
    for (const info of some) if (info !== undefined) infos.push(info);
  }
  return infos;
}

/** Undefined for a blob that is not there. */
export async function blobInfo({ key, path }: Found): Promise<BlobInfo | undefined> {
  try {
    const { size, mtimeMs } = await stat(path);
    return { key, size, modifiedAt: Math.floor(mtimeMs) };
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}
