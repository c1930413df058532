import { IndexChunk } from './chunk.ts';
import type { ChunkColumns } from './chunk-format.ts';
import { MailboxSnapshot } from './snapshot.ts';

/**
 * The newest snapshot as it may be shown while no EXPUNGE may be told (RFC 9051 section 7.5.1, RFC 2180): messages of
 * `shown` stay in their places even when they are gone, their flags are the newest, and, with `addNew`, messages that
 * came stand behind them. Comparing the result with `newest` later tells exactly the expunges that were held back.
 */
export function holdExpunged(shown: MailboxSnapshot, newest: MailboxSnapshot, addNew: boolean): MailboxSnapshot {
  if (shown === newest) return shown;
  const lastShown = shown.lastUid;
  const a = shown.chunks;
  const b = newest.chunks;
  const chunks: IndexChunk[] = [];
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const old = a[i];
    const fresh = b[j];
    if (fresh === undefined || (old !== undefined && old.number < fresh.number)) {
      chunks.push(old!);
      i++;
    } else if (old === undefined || fresh.number < old.number) {
      // A chunk that was not shown and lies below the last shown message holds nothing that may be shown now.
      if (addNew && fresh.firstUid > lastShown) chunks.push(fresh);
      j++;
    } else {
      chunks.push(old === fresh ? old : merge(old, fresh, addNew ? lastShown : Number.POSITIVE_INFINITY));
      i++;
      j++;
    }
  }
  return new MailboxSnapshot(chunks);
}

function haveSameUids(a: IndexChunk, b: IndexChunk): boolean {
  if (a.count !== b.count || a.firstUid !== b.firstUid || a.lastUid !== b.lastUid) return false;
  if (!a.hasGaps) return true;
  for (let i = 0; i < a.count; i++) if (a.uids[i] !== b.uids[i]) return false;
  return true;
}

/** Messages of `old` with the values of `fresh` where it has them, and those of `fresh` above `newAbove`. */
function merge(old: IndexChunk, fresh: IndexChunk, newAbove: number): IndexChunk {
  // Mostly flags changed and nothing else.
  if (haveSameUids(old, fresh)) return fresh;
  const sources: IndexChunk[] = [];
  const indexes: number[] = [];
  let complete = true;
  for (let i = 0; i < old.count; i++) {
    const at = fresh.indexOf(old.uids[i]!);
    complete &&= at >= 0;
    sources.push(at >= 0 ? fresh : old);
    indexes.push(at >= 0 ? at : i);
  }
  for (let j = fresh.lowerBound(Math.min(newAbove + 1, 0xffffffff)); j < fresh.count; j++) {
    if (fresh.uids[j]! <= newAbove) continue;
    sources.push(fresh);
    indexes.push(j);
  }
  if (complete && sources.length === fresh.count) return fresh;
  const count = sources.length;
  const columns: ChunkColumns = {
    uids: new Uint32Array(count),
    modseqs: new Float64Array(count),
    flags: new Uint32Array(count),
    keywordsHigh: new Uint32Array(count),
    sizes: new Uint32Array(count),
    seconds: new Float64Array(count),
  };
  for (let i = 0; i < count; i++) {
    const source = sources[i]!;
    const at = indexes[i]!;
    columns.uids[i] = source.uids[at]!;
    columns.modseqs[i] = source.modseqs[at]!;
    columns.flags[i] = source.flags[at]!;
    columns.keywordsHigh[i] = source.keywordsHigh[at]!;
    columns.sizes[i] = source.sizes[at]!;
    columns.seconds[i] = source.seconds[at]!;
  }
  return IndexChunk.of(old.number, fresh.maxModseq, columns);
}
