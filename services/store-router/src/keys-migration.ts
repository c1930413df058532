import { randomBytes } from 'node:crypto';
import { FIRST_DRIVER_KEY } from '@stoa/plugin-sdk';
import { BLOB_ID_BYTES, type Range, successor, TABLE } from './keys.ts';

const SECTION = { state: 0x00, journal: 0x01, cursor: 0x02 } as const;

function key(section: number, rest: Uint8Array = new Uint8Array()): Buffer {
  return Buffer.concat([Buffer.from([TABLE.migration, section]), rest]);
}

/** Says in the store that is left whether its data are being moved. */
export const migrationStateKey: Uint8Array = key(SECTION.state);

/** Says in the store that is filled how far that is. */
export const migrationCursorKey: Uint8Array = key(SECTION.cursor);

/** A new entry of the journal: by time, and different from every other. */
export function journalKey(now: number): Buffer {
  const rest = Buffer.alloc(16);
  rest.writeBigUInt64BE(BigInt(now));
  randomBytes(8).copy(rest, 8);
  return key(SECTION.journal, rest);
}

export function journal(): Range {
  const start = key(SECTION.journal);
  return { start, end: successor(start) };
}

/** All rows that a migration moves. Those that drivers keep beside Stoa's own are moved through their driver. */
export function movedRanges(): Range[] {
  return [
    { start: Buffer.from([0]), end: Buffer.from([TABLE.migration]) },
    { start: Buffer.from([TABLE.migration + 1]), end: Buffer.from([FIRST_DRIVER_KEY]) },
  ];
}

export function isMoved(row: Uint8Array): boolean {
  return row[0] !== TABLE.migration && (row[0] ?? 0) < FIRST_DRIVER_KEY;
}

/** The blob that a row links; undefined for a row of another kind. */
export function linkedBlob(row: Uint8Array): Uint8Array | undefined {
  return row[0] === TABLE.blobLink && row.length > 1 + BLOB_ID_BYTES ? row.subarray(1, 1 + BLOB_ID_BYTES) : undefined;
}
