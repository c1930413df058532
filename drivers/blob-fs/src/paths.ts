import { type BlobKey, StoaError } from '@stoa/plugin-sdk';

/**
 * How keys become paths. The levels of a key become folders, so a listing in key order walks the tree in order:
 *
 * - `name+` is the folder of a level, `name=` the file of the last one, `name~` a folder of levels that begin with `name`.
 * - A level of two or more characters goes on inside `<first two>~`: 256 folders for keys that begin with a hash in
 *   hexadecimal. The rest goes on after each 200 characters, as names of files are limited to 255.
 *
 * The three marks are no characters of a key, so no two keys meet in one path, none is `.` or `..`, and `a` may be a
 * blob beside `a/b`.
 */
const LEVEL = '+';
const FILE = '=';
const CONTINUED = '~';
const FIRST_CHUNK = 2;
const CHUNK = 200;

const KEY = /^[0-9a-zA-Z_.-]+(?:\/[0-9a-zA-Z_.-]+)*$/;
const DOTS = /(?:^|\/)\.{1,2}(?:\/|$)/;
const MAX_KEY_LENGTH = 512;

/** The path of a blob, relative to the folder of blobs. Rejects what is no key. */
export function pathOf(key: BlobKey): string {
  if (key.length > MAX_KEY_LENGTH || !KEY.test(key) || DOTS.test(key)) {
    throw new StoaError('invalid-argument', 'not the key of a blob');
  }
  const levels = key.split('/');
  return levels.map((level, index) => levelPath(level) + (index === levels.length - 1 ? FILE : LEVEL)).join('/');
}

function levelPath(level: string): string {
  let path = '';
  let rest = level;
  for (let chunk = FIRST_CHUNK; rest.length >= chunk; chunk = CHUNK) {
    path += `${rest.slice(0, chunk)}${CONTINUED}/`;
    rest = rest.slice(chunk);
  }
  return path + rest;
}

export interface TreeEntry {
  name: string;
  /** A blob with the key `key`; or else a folder of keys that begin with `key`. */
  isBlob: boolean;
  key: string;
}

/** What the names found in a folder stand for, in key order. `parent` is what the keys in the folder begin with. */
export function treeEntries(names: readonly string[], parent: string): TreeEntry[] {
  const entries: TreeEntry[] = [];
  for (const name of names) {
    const mark = name.at(-1);
    const stem = parent + name.slice(0, -1);
    if (mark === FILE) entries.push({ name, isBlob: true, key: stem });
    else if (mark === LEVEL) entries.push({ name, isBlob: false, key: `${stem}/` });
    else if (mark === CONTINUED) entries.push({ name, isBlob: false, key: stem });
  }
  return entries.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : Number(b.isBlob) - Number(a.isBlob)));
}
