import type { DataMutation, Key, KeyRange } from '@stoa/plugin-sdk';
import { BinaryReader, BinaryWriter } from '../account/binary.ts';

const VERSION = 1;

/** Rows that a commit touched, not what it wrote: whoever copies reads them as they are then. */
export interface Touched {
  keys: Key[];
  ranges: KeyRange[];
}

export function encodeTouched(mutations: readonly DataMutation[]): Uint8Array {
  const writer = new BinaryWriter().number(VERSION).number(mutations.length);
  for (const mutation of mutations) {
    if (mutation.type === 'delete-range') writer.number(1).bytes(mutation.range.start).bytes(mutation.range.end);
    else writer.number(0).bytes(mutation.key);
  }
  return writer.finish();
}

export function decodeTouched(bytes: Uint8Array): Touched {
  const reader = new BinaryReader(bytes, 'migration journal');
  reader.version(VERSION);
  const touched: Touched = { keys: [], ranges: [] };
  for (let count = reader.number(); count > 0; count--) {
    if (reader.number() === 0) touched.keys.push(reader.bytes());
    else touched.ranges.push({ start: reader.bytes(), end: reader.bytes() });
  }
  return touched;
}
