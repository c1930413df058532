import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Longest path that a socket may have everywhere (sun_path has 104 octets on macOS, 108 on Linux), less a file name. */
const MAX_FOLDER_BYTES = 80;

/**
 * An empty folder for the sockets between the processes of a node, which nobody else may enter: in the data directory, or
 * below the system's temporary folder where that path is too long for a socket.
 */
export function makeSocketFolder(dataDirectory: string): string {
  const folder = join(dataDirectory, 'workers');
  if (Buffer.byteLength(folder) > MAX_FOLDER_BYTES) return mkdtempSync(join(tmpdir(), 'stoa-'));
  // Sockets of processes that were killed are in the way of new ones.
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}
