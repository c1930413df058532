import { IndexChunk } from './chunk.ts';
import { type ChunkColumns, chunkOfUid } from './chunk-format.ts';
import { FLAG, type FlagWords, SYSTEM_FLAGS } from './flags.ts';
import { findRange, type NumberSet } from './uid-set.ts';

/** A message to put into an index. */
export interface IndexRow {
  uid: number;
  /** System flags and keywords 0 to 23. */
  flags: number;
  /** Keywords 24 to 55. */
  keywordsHigh: number;
  size: number;
  /** Internal date in seconds since 1970-01-01 UTC. */
  seconds: number;
}

function emptyColumns(count: number): ChunkColumns {
  return {
    uids: new Uint32Array(count),
    modseqs: new Float64Array(count),
    flags: new Uint32Array(count),
    keywordsHigh: new Uint32Array(count),
    sizes: new Uint32Array(count),
    seconds: new Float64Array(count),
  };
}

/** The chunk with rows put behind its messages; their UIDs ascend, above its own, within its range. */
export function appendRows(chunk: IndexChunk | undefined, rows: readonly IndexRow[], modseq: number): IndexChunk {
  const before = chunk?.count ?? 0;
  const columns = emptyColumns(before + rows.length);
  if (chunk !== undefined) {
    columns.uids.set(chunk.uids);
    columns.modseqs.set(chunk.modseqs);
    columns.flags.set(chunk.flags);
    columns.keywordsHigh.set(chunk.keywordsHigh);
    columns.sizes.set(chunk.sizes);
    columns.seconds.set(chunk.seconds);
  }
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    const at = before + i;
    columns.uids[at] = row.uid;
    columns.modseqs[at] = modseq;
    columns.flags[at] = row.flags;
    columns.keywordsHigh[at] = row.keywordsHigh;
    columns.sizes[at] = row.size;
    columns.seconds[at] = row.seconds;
  }
  return IndexChunk.of(chunk?.number ?? chunkOfUid(rows[0]!.uid), modseq, columns);
}

/** Calls back with each run of messages whose UIDs are in the set: indexes `from` to `to`, `to` not included. */
export function eachRun(chunk: IndexChunk, uids: NumberSet, run: (from: number, to: number) => void): void {
  const last = chunk.lastUid;
  for (let i = findRange(uids, chunk.firstUid); i < uids.length && uids[i]! <= last; i += 2) {
    const from = chunk.lowerBound(uids[i]!);
    const to = uids[i + 1]! >= last ? chunk.count : chunk.lowerBound(uids[i + 1]! + 1);
    if (from < to) run(from, to);
  }
}

export interface FlagChange {
  mode: 'add' | 'remove' | 'replace';
  words: FlagWords;
  /** Messages with a higher MODSEQ are left alone (RFC 7162 section 3.1.3). */
  unchangedSince?: number | undefined;
}

export interface FlagResult {
  /** The same chunk when nothing changed. */
  chunk: IndexChunk;
  /** UIDs, ascending, that `unchangedSince` held back. */
  modified: number[];
  /** By how much the number of messages with \Seen and with \Deleted grew. */
  seen: number;
  deleted: number;
}

/** Changes flags of the messages in the set. A message that has them already keeps its MODSEQ. */
export function changeFlags(chunk: IndexChunk, uids: NumberSet, change: FlagChange, modseq: number): FlagResult {
  const { low, high } = change.words;
  const keepLow = change.mode === 'add' ? -1 : change.mode === 'remove' ? ~low : 0;
  const keepHigh = change.mode === 'add' ? -1 : change.mode === 'remove' ? ~high : 0;
  const setLow = change.mode === 'remove' ? 0 : low;
  const setHigh = change.mode === 'remove' ? 0 : high;
  const modified: number[] = [];
  let flags = chunk.flags;
  let keywordsHigh = chunk.keywordsHigh;
  let modseqs = chunk.modseqs;
  let touched = false;
  let seen = 0;
  let deleted = 0;
  eachRun(chunk, uids, (from, to) => {
    for (let i = from; i < to; i++) {
      if (change.unchangedSince !== undefined && modseqs[i]! > change.unchangedSince) {
        modified.push(chunk.uids[i]!);
        continue;
      }
      const oldLow = flags[i]!;
      const newLow = ((oldLow & keepLow) | setLow) >>> 0;
      const newHigh = ((keywordsHigh[i]! & keepHigh) | setHigh) >>> 0;
      if (newLow === oldLow && newHigh === keywordsHigh[i]) continue;
      if (!touched) {
        touched = true;
        flags = flags.slice();
        keywordsHigh = keywordsHigh.slice();
        modseqs = modseqs.slice();
      }
      flags[i] = newLow;
      keywordsHigh[i] = newHigh;
      modseqs[i] = modseq;
      seen += (newLow & FLAG.seen) - (oldLow & FLAG.seen);
      deleted += ((newLow & FLAG.deleted) - (oldLow & FLAG.deleted)) / FLAG.deleted;
    }
  });
  if (!touched) return { chunk, modified, seen, deleted };
  const { uids: all, sizes, seconds } = chunk;
  const columns = { uids: all, modseqs, flags, keywordsHigh, sizes, seconds };
  return { chunk: IndexChunk.of(chunk.number, modseq, columns), modified, seen, deleted };
}

export interface RemovedRows {
  /** What is left; undefined when nothing is. The same chunk when nothing was removed. */
  chunk: IndexChunk | undefined;
  /** The rows that were removed, ascending. */
  rows: IndexRow[];
}

/** The row of one message. */
export function rowAt(chunk: IndexChunk, index: number): IndexRow {
  return {
    uid: chunk.uids[index]!,
    flags: chunk.flags[index]!,
    keywordsHigh: chunk.keywordsHigh[index]!,
    size: chunk.sizes[index]!,
    seconds: chunk.seconds[index]!,
  };
}

/** The chunk without the messages in the set; with `flag`, only those of them that have it. */
export function removeRows(chunk: IndexChunk, uids: NumberSet, modseq: number, flag?: number): RemovedRows {
  const rows: IndexRow[] = [];
  const gone = new Uint8Array(chunk.count);
  eachRun(chunk, uids, (from, to) => {
    for (let i = from; i < to; i++) {
      if (flag !== undefined && (chunk.flags[i]! & flag) === 0) continue;
      gone[i] = 1;
      rows.push(rowAt(chunk, i));
    }
  });
  if (rows.length === 0) return { chunk, rows };
  if (rows.length === chunk.count) return { chunk: undefined, rows };
  const columns = emptyColumns(chunk.count - rows.length);
  for (let i = 0, at = 0; i < chunk.count; i++) {
    if (gone[i] === 1) continue;
    columns.uids[at] = chunk.uids[i]!;
    columns.modseqs[at] = chunk.modseqs[i]!;
    columns.flags[at] = chunk.flags[i]!;
    columns.keywordsHigh[at] = chunk.keywordsHigh[i]!;
    columns.sizes[at] = chunk.sizes[i]!;
    columns.seconds[at] = chunk.seconds[i]!;
    at++;
  }
  return { chunk: IndexChunk.of(chunk.number, modseq, columns), rows };
}

/** Only system flags, as bits, of a flag word. */
export function systemFlags(low: number): number {
  return low & SYSTEM_FLAGS;
}
