import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { type BlobPutOptions, StoaError, throwIfCancelled } from '@stoa/plugin-sdk';
import type { Directories } from './directories.ts';
import { close, fdatasync, isErrno, link, open, removeFile, writeAll } from './files.ts';

type Source = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Up to this size a blob is gathered in memory and written with one call. */
const GATHER_BYTES = 256 * 1024;

const processName = randomBytes(6).toString('hex');
let sequence = 0;

/** Writes the content beside, syncs it, then links it to its path: nobody sees a part of it. */
export async function putFile(
  path: string,
  temporaryFolder: string,
  directories: Directories,
  source: Source,
  options: BlobPutOptions,
): Promise<{ created: boolean }> {
  sequence += 1;
  const temporary = join(temporaryFolder, `${processName}-${sequence}`);
  const folder = dirname(path);
  const whole = options.size <= GATHER_BYTES ? await gather(source, options) : undefined;
  try {
    await writeDurably(temporary, whole ?? source, options);
    const created = await linkInto(temporary, path, directories);
    // Also when it was there: whoever put it may not have synced the folder yet.
    await directories.sync(folder);
    return { created };
  } finally {
    await removeFile(temporary);
  }
}

async function writeDurably(path: string, source: Source, options: BlobPutOptions): Promise<void> {
  const fd = await open(path, 'wx', 0o600);
  try {
    for await (const chunk of checked(source, options)) await writeAll(fd, chunk);
    await fdatasync(fd);
  } finally {
    await close(fd);
  }
}

async function linkInto(temporary: string, path: string, directories: Directories): Promise<boolean> {
  const folder = dirname(path);
  for (let again = false; ; again = true) {
    await directories.ensure(folder);
    try {
      await link(temporary, path);
      return true;
    } catch (error) {
      if (isErrno(error, 'EEXIST')) return false;
      if (again || !isErrno(error, 'ENOENT')) throw error;
      directories.forget(folder);
    }
  }
}

async function gather(source: Source, options: BlobPutOptions): Promise<[Buffer]> {
  const whole = Buffer.allocUnsafe(options.size);
  let size = 0;
  for await (const chunk of checked(source, options)) {
    whole.set(chunk, size);
    size += chunk.length;
  }
  return [whole];
}

/** The chunks of a source; rejects as soon as they are too many, at the end if they are too few, and on cancellation. */
async function* checked(source: Source, { size, signal }: BlobPutOptions): AsyncGenerator<Uint8Array> {
  let seen = 0;
  throwIfCancelled(signal);
  for await (const chunk of source) {
    throwIfCancelled(signal);
    seen += chunk.length;
    if (seen > size) throw new StoaError('invalid-argument', `the source has more than the ${size} octets announced`);
    yield chunk;
  }
  if (seen < size) throw new StoaError('invalid-argument', `the source has ${seen} octets, ${size} were announced`);
}
