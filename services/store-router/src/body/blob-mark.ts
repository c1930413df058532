import { BinaryReader, BinaryWriter } from '../account/binary.ts';

const VERSION = 1;

/**
 * What the garbage collection wrote on a blob.
 *
 * - `marked`: nothing linked it. A delivery takes it back by deleting the mark in the commit that links it.
 * - `deleting`: it goes now, and nothing may link it.
 * - `deleted`: it is gone. Kept for longer than a delivery may take, so that one that stored (or found) the blob before it
 *   was deleted learns that it must store it again.
 *
 * So a commit that finds no mark knows that the blob was not deleted since it was stored.
 */
export interface BlobMark {
  readonly state: 'marked' | 'deleting' | 'deleted';
  /** Milliseconds since 1970-01-01 UTC. */
  readonly at: number;
}

const STATES = ['marked', 'deleting', 'deleted'] as const;

export function encodeBlobMark(mark: BlobMark): Uint8Array {
  return new BinaryWriter().number(VERSION).number(STATES.indexOf(mark.state)).number(mark.at).finish();
}

export function decodeBlobMark(bytes: Uint8Array): BlobMark {
  const reader = new BinaryReader(bytes, 'blob mark');
  reader.version(VERSION);
  const number = reader.number();
  const state = STATES[number];
  if (state === undefined) throw reader.fail(`state ${number}`);
  return { state, at: reader.number() };
}
