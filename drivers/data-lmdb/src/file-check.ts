import { type FileHandle, open } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { StoaError } from '@stoa/plugin-sdk';

/** Where LMDB keeps what is checked, from the start of each of its first two pages (`MDB_meta` after the page header). */
const MAGIC_AT = 24;
const PAGE_SIZE_AT = 48;
const FREE_ROOT_AT = 88;
const MAIN_ROOT_AT = 136;
const META_BYTES = 160;

const MAGIC = 0xbeefc0de;
/** A process that uses the database may be writing one of the pages. */
const LOOKS = 3;
const BETWEEN_LOOKS_MS = 20;

const NO_PAGE = 0xffff_ffff_ffff_ffffn;

/**
 * LMDB maps its file and trusts it, so that one which is none of its own, or was cut off, would crash the process. Looks
 * at the two pages that all else hangs on; rejects with `invalid-configuration`. A file that is absent or empty is fine.
 */
export async function checkFile(path: string): Promise<void> {
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new StoaError('invalid-configuration', `cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
  try {
    for (let look = 1; look <= LOOKS; look++) {
      if (await isEmptyOrDatabase(file)) return;
      await delay(BETWEEN_LOOKS_MS);
    }
  } finally {
    await file.close();
  }
  const message = `${path} is no LMDB database, or is damaged; set "path" to another folder, or restore a backup`;
  throw new StoaError('invalid-configuration', message);
}

async function isEmptyOrDatabase(file: FileHandle): Promise<boolean> {
  const first = await readMeta(file, 0);
  const pageSize = first.readUInt32LE(PAGE_SIZE_AT);
  const isPageSize = pageSize >= 512 && pageSize <= 65_536 && (pageSize & (pageSize - 1)) === 0;
  const second = isPageSize ? await readMeta(file, pageSize) : undefined;
  // After the pages: another process may let the file grow meanwhile, and then name what is new in them.
  const { size } = await file.stat();
  if (size === 0) return true;
  if (second === undefined || size < 2 * pageSize) return false;
  const pages = BigInt(Math.floor(size / pageSize));
  return isMeta(first, pages) && isMeta(second, pages);
}

function isMeta(meta: Buffer, pages: bigint): boolean {
  const isRoot = (page: bigint) => page === NO_PAGE || page < pages;
  return (
    meta.readUInt32LE(MAGIC_AT) === MAGIC &&
    isRoot(meta.readBigUInt64LE(FREE_ROOT_AT)) &&
    isRoot(meta.readBigUInt64LE(MAIN_ROOT_AT))
  );
}

async function readMeta(file: FileHandle, position: number): Promise<Buffer> {
  const meta = Buffer.alloc(META_BYTES);
  await file.read(meta, 0, META_BYTES, position);
  return meta;
}
