import type { RootDatabase } from 'lmdb';

/** What this driver uses of lmdb-js: one unnamed database, keys and values as bytes. */
export type Database = RootDatabase<Uint8Array, Uint8Array>;

/**
 * Key of the version stamp: longer than any key a caller may use, and after all of them, so that no range reaches it
 * (the end of a range has at most `MAX_KEY_BYTES`).
 */
export const STAMP_KEY: Uint8Array = new Uint8Array(1025).fill(0xff);

export const FORMAT_VERSION = 1;
