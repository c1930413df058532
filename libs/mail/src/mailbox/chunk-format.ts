/** Messages that the UID range of a chunk can hold. Ranges are fixed: chunks never split or merge. */
export const CHUNK_SIZE = 256;

/** First octet of a packed chunk: generation and revision (see format-version.ts). */
export const CHUNK_VERSION = 1;

/** Columns of a chunk, one element per message, in ascending order of the UID. */
export interface ChunkColumns {
  uids: Uint32Array;
  modseqs: Float64Array;
  flags: Uint32Array;
  keywordsHigh: Uint32Array;
  sizes: Uint32Array;
  /** Internal dates in seconds since 1970-01-01 UTC. */
  seconds: Float64Array;
}

/** Bytes that are not a packed chunk, or not of a version that this code reads. */
export class ChunkFormatError extends Error {
  constructor(message: string) {
    super(`index chunk: ${message}`);
    this.name = 'ChunkFormatError';
  }
}

/** The chunk that a UID belongs to. */
export function chunkOfUid(uid: number): number {
  return (uid - 1) >>> 8;
}

/** The first UID of a chunk's range. */
export function firstUidOfChunk(number: number): number {
  return number * CHUNK_SIZE + 1;
}
