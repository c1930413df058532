import { storage } from '@stoa/contracts';
import type { DataMutation } from '@stoa/plugin-sdk';
import { BinaryReader, BinaryWriter } from '../account/binary.ts';
import { queueLink } from '../keys.ts';
import { dueKey, entryKey } from '../keys-queue.ts';

const VERSION = 1;

export interface EntryRow {
  entry: storage.QueueEntry;
  /** A worker has the entry until then; 0: none has. */
  leasedUntil: number;
}

export function encodeEntry({ entry, leasedUntil }: EntryRow): Uint8Array {
  return new BinaryWriter().number(VERSION).number(leasedUntil).raw(storage.QueueEntry.encode(entry).finish()).finish();
}

export function decodeEntry(bytes: Uint8Array): EntryRow {
  const reader = new BinaryReader(bytes, 'queue entry');
  reader.version(VERSION);
  const leasedUntil = reader.number();
  const rest = reader.rest();
  try {
    return { leasedUntil, entry: storage.QueueEntry.decode(rest) };
  } catch {
    throw reader.fail('not readable');
  }
}

/** When a worker may take the entry. */
export function dueAt({ entry, leasedUntil }: EntryRow): number {
  return Math.max(leasedUntil, entry.nextAttemptAt);
}

/** Writes a new entry with its place in the order and its link to the body. */
export function newEntry(row: EntryRow): DataMutation[] {
  const { blobId, id } = row.entry;
  return [...put(row), { type: 'put', key: queueLink(blobId, id), value: new Uint8Array() }];
}

export function replaceEntry(before: EntryRow, after: EntryRow): DataMutation[] {
  return [{ type: 'delete', key: dueKey(dueAt(before), before.entry.id) }, ...put(after)];
}

/** Removes an entry, its place and its link, so that the body is for the garbage collection. */
export function removeEntry(row: EntryRow): DataMutation[] {
  const { id, blobId } = row.entry;
  return [
    { type: 'delete', key: entryKey(id) },
    { type: 'delete', key: dueKey(dueAt(row), id) },
    { type: 'delete', key: queueLink(blobId, id) },
  ];
}

function put(row: EntryRow): DataMutation[] {
  return [
    { type: 'put', key: entryKey(row.entry.id), value: encodeEntry(row) },
    { type: 'put', key: dueKey(dueAt(row), row.entry.id), value: Buffer.from(row.entry.domain, 'utf8') },
  ];
}
