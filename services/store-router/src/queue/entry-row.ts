import { storage } from '@stoa/contracts';
import { BinaryReader, BinaryWriter } from '../account/binary.ts';

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
