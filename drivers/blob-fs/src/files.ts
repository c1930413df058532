import fs from 'node:fs';
import { promisify } from 'node:util';

/** The calls of node:fs on plain descriptors: cheaper than FileHandle objects, which matters for small blobs. */
export const open = promisify(fs.open);
export const close = promisify(fs.close);
export const read = promisify(fs.read);
export const write = promisify(fs.write);
export const fstat = promisify(fs.fstat);
export const fdatasync = promisify(fs.fdatasync);
export const fsync = promisify(fs.fsync);
export const link = promisify(fs.link);
export const unlink = promisify(fs.unlink);

/** Writes all of the octets; a single write may take only some. */
export async function writeAll(fd: number, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.length; ) {
    const { bytesWritten } = await write(fd, bytes, offset, bytes.length - offset);
    offset += bytesWritten;
  }
}

/** Deletes a file, if it is there. */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

export function isErrno(error: unknown, ...codes: string[]): boolean {
  return codes.includes((error as NodeJS.ErrnoException | null)?.code ?? '');
}
