import { type BlobKey, StoaError } from '@stoa/plugin-sdk';

/**
 * Ends the name of each object. Servers that keep objects as files (MinIO, versitygw) take either `a` or `a/b`; with it
 * both are there, as `a!` and `a/b!`. It sorts before all characters of keys, so the order of the keys stays.
 */
const END = '!';

const KEY = /^(?=.{1,512}$)(?!\.{1,2}(?:\/|$))[0-9a-zA-Z_.-]+(?:\/(?!\.{1,2}(?:\/|$))[0-9a-zA-Z_.-]+)*$/;

/** Name of the object with a blob; rejects what is no key. */
export function objectName(prefix: string, key: BlobKey): string {
  if (!KEY.test(key)) throw new StoaError('invalid-argument', 'the key of a blob is malformed');
  return `${prefix}${key}${END}`;
}

/** Name after which the objects of all keys come that sort after `key`, which need not be one. */
export function nameAfter(prefix: string, key: string): string {
  return `${prefix}${key}${END}`;
}

/** Key of the blob in an object; undefined for an object that is none. */
export function blobKey(prefix: string, name: string): BlobKey | undefined {
  if (!name.startsWith(prefix) || !name.endsWith(END)) return undefined;
  const key = name.slice(prefix.length, -END.length);
  return KEY.test(key) ? key : undefined;
}
