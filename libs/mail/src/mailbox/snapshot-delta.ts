import type { IndexChunk } from './chunk.ts';
import { removeRows } from './chunk-edit.ts';
import { MailboxSnapshot } from './snapshot.ts';
import { type NumberSet, NumberSetBuilder, overlapsRange } from './uid-set.ts';

/**
 * The snapshot with changes applied: each changed chunk replaces the one of its number, and of the others the vanished
 * messages are removed. `changed` is in any order.
 */
export function applyDelta(
  snapshot: MailboxSnapshot,
  changed: readonly IndexChunk[],
  vanished: NumberSet,
): MailboxSnapshot {
  if (changed.length === 0 && vanished.length === 0) return snapshot;
  const fresh = [...changed].sort((a, b) => a.number - b.number);
  const chunks: IndexChunk[] = [];
  let next = 0;
  for (const chunk of snapshot.chunks) {
    while (next < fresh.length && fresh[next]!.number < chunk.number) chunks.push(fresh[next++]!);
    if (next < fresh.length && fresh[next]!.number === chunk.number) {
      chunks.push(fresh[next++]!);
      continue;
    }
    if (!overlapsRange(vanished, chunk.firstUid, chunk.lastUid)) chunks.push(chunk);
    else {
      const left = removeRows(chunk, vanished, chunk.maxModseq).chunk;
      if (left !== undefined) chunks.push(left);
    }
  }
  while (next < fresh.length) chunks.push(fresh[next++]!);
  return new MailboxSnapshot(chunks);
}

/** What a session must tell its client when it goes from one snapshot to a newer one. */
export interface SnapshotDifference {
  /** Sequence numbers in the old snapshot of the messages that are gone, as a set. Told from the last to the first, no number shifts. */
  expunged: number[];
  /** UIDs of the same messages. */
  vanished: number[];
  /** UIDs of messages in both whose flags or MODSEQ differ. */
  changed: number[];
  /** Messages in the new one only. */
  added: number;
}

/** Compares two snapshots; chunks that both share cost nothing. */
export function diffSnapshots(before: MailboxSnapshot, after: MailboxSnapshot): SnapshotDifference {
  const expunged = new NumberSetBuilder();
  const vanished = new NumberSetBuilder();
  const changed = new NumberSetBuilder();
  const a = before.chunks;
  const b = after.chunks;
  let added = 0;
  for (let i = 0, j = 0; i < a.length || j < b.length; ) {
    const old = a[i];
    const fresh = b[j];
    if (fresh === undefined || (old !== undefined && old.number < fresh.number)) {
      const sequence = before.firstSequence(i++);
      expunged.addRange(sequence, sequence + old!.count - 1);
      for (const uid of old!.uids) vanished.add(uid);
    } else if (old === undefined || fresh.number < old.number) {
      added += fresh.count;
      j++;
    } else {
      if (old !== fresh) added += diffChunks(old, fresh, before.firstSequence(i), { expunged, vanished, changed });
      i++;
      j++;
    }
  }
  return { expunged: expunged.bounds, vanished: vanished.bounds, changed: changed.bounds, added };
}

function diffChunks(
  old: IndexChunk,
  fresh: IndexChunk,
  sequence: number,
  out: { expunged: NumberSetBuilder; vanished: NumberSetBuilder; changed: NumberSetBuilder },
): number {
  const oldUids = old.uids;
  const freshUids = fresh.uids;
  let added = 0;
  let j = 0;
  for (let i = 0; i < old.count; i++) {
    const uid = oldUids[i]!;
    while (j < fresh.count && freshUids[j]! < uid) {
      added++;
      j++;
    }
    if (j >= fresh.count || freshUids[j] !== uid) {
      out.expunged.add(sequence + i);
      out.vanished.add(uid);
      continue;
    }
    const same =
      old.modseqs[i] === fresh.modseqs[j] &&
      old.flags[i] === fresh.flags[j] &&
      old.keywordsHigh[i] === fresh.keywordsHigh[j];
    if (!same) out.changed.add(uid);
    j++;
  }
  return added + fresh.count - j;
}
