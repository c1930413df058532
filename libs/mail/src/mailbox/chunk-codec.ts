import { isReadable } from '../format-version.ts';
import { CHUNK_SIZE, CHUNK_VERSION, type ChunkColumns, ChunkFormatError, firstUidOfChunk } from './chunk-format.ts';

/*
 * A packed chunk: version u8, reserved u8, count u16, number u32, highest MODSEQ u64; then six columns, each: width u8,
 * base u64, count * width octets of offsets from the base. All integers little-endian. Width 0: every value is the base,
 * but in the UID column the values count up from it.
 */
const HEADER_BYTES = 16;
const COLUMN_HEADER_BYTES = 9;
const COLUMNS = 6;
const HIGH = 0x100000000;
/** High words of integers below 2^53. */
const MAX_HIGH = 0x200000;

function u32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

function u64(bytes: Uint8Array, at: number): number {
  const high = u32(bytes, at + 4);
  if (high >= MAX_HIGH) throw new ChunkFormatError('an integer is beyond 2^53');
  return high * HIGH + u32(bytes, at);
}

function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

function putU64(bytes: Uint8Array, at: number, value: number): void {
  putU32(bytes, at, value >>> 0);
  putU32(bytes, at + 4, Math.floor(value / HIGH));
}

/** One column as it lies in the packed bytes. */
export class Column {
  readonly base: number;
  readonly width: number;
  readonly #bytes: Uint8Array;
  readonly #at: number;

  constructor(bytes: Uint8Array, at: number, width: number, base: number) {
    this.#bytes = bytes;
    this.#at = at;
    this.width = width;
    this.base = base;
  }

  #fill(target: Uint32Array | Float64Array): void {
    const { base, width } = this;
    const bytes = this.#bytes;
    const count = target.length;
    let at = this.#at;
    if (width === 0) target.fill(base);
    else if (width === 1) for (let i = 0; i < count; i++) target[i] = base + bytes[at++]!;
    else if (width === 2) {
      for (let i = 0; i < count; i++, at += 2) target[i] = base + (bytes[at]! | (bytes[at + 1]! << 8));
    } else if (width === 4) for (let i = 0; i < count; i++, at += 4) target[i] = base + u32(bytes, at);
    else for (let i = 0; i < count; i++, at += 8) target[i] = base + u64(bytes, at);
  }

  words(count: number): Uint32Array {
    const words = new Uint32Array(count);
    this.#fill(words);
    return words;
  }

  numbers(count: number): Float64Array {
    const numbers = new Float64Array(count);
    this.#fill(numbers);
    return numbers;
  }

  uids(count: number): Uint32Array {
    const uids = new Uint32Array(count);
    if (this.width === 0) for (let i = 0; i < count; i++) uids[i] = this.base + i;
    else this.#fill(uids);
    return uids;
  }
}

/** Checks the frame of a packed chunk and finds its columns. */
export function readColumns(bytes: Uint8Array): {
  number: number;
  count: number;
  maxModseq: number;
  columns: Column[];
} {
  if (bytes.length < HEADER_BYTES) throw new ChunkFormatError('too short');
  const version = bytes[0]!;
  if (!isReadable(version, CHUNK_VERSION)) throw new ChunkFormatError(`unknown version ${version}`);
  const count = bytes[2]! | (bytes[3]! << 8);
  if (count === 0 || count > CHUNK_SIZE) throw new ChunkFormatError(`count ${count} is not 1 to ${CHUNK_SIZE}`);
  const number = u32(bytes, 4);
  if (number > 0xffffff) throw new ChunkFormatError(`number ${number} is beyond the last chunk`);
  const maxModseq = u64(bytes, 8);
  const columns: Column[] = [];
  let at = HEADER_BYTES;
  for (let i = 0; i < COLUMNS; i++) {
    if (at + COLUMN_HEADER_BYTES > bytes.length) throw new ChunkFormatError('cut short');
    const width = bytes[at]!;
    if (width > 8 || (width & (width - 1)) !== 0 || (i === 0 && width > 1)) {
      throw new ChunkFormatError(`width ${width}`);
    }
    const base = u64(bytes, at + 1);
    columns.push(new Column(bytes, at + COLUMN_HEADER_BYTES, width, base));
    at += COLUMN_HEADER_BYTES + count * width;
  }
  if (at > bytes.length || (at < bytes.length && version <= CHUNK_VERSION))
    throw new ChunkFormatError(`${bytes.length} octets instead of ${at}`);
  checkUids(columns[0]!, number, count);
  return { number, count, maxModseq, columns };
}

/** UIDs are trusted everywhere (searches halve them), so they are checked here: ascending, within the chunk's range. */
function checkUids(column: Column, number: number, count: number): void {
  const first = firstUidOfChunk(number);
  let last = column.base + count - 1;
  if (column.width !== 0) {
    const uids = column.uids(count);
    last = uids[count - 1]!;
    for (let i = 1; i < count; i++) {
      if (uids[i]! <= uids[i - 1]!) throw new ChunkFormatError('UIDs do not ascend');
    }
    if (uids[0]! !== column.base) throw new ChunkFormatError('the first UID is not the base');
  }
  if (column.base < first || last >= first + CHUNK_SIZE) throw new ChunkFormatError('UIDs outside the range');
}

interface Frame {
  base: number;
  width: number;
}

function frameOf(values: Uint32Array | Float64Array): Frame {
  let min = values[0]!;
  let max = min;
  for (let i = 1; i < values.length; i++) {
    const value = values[i]!;
    if (value < min) min = value;
    else if (value > max) max = value;
  }
  const span = max - min;
  return { base: min, width: span === 0 ? 0 : span < 0x100 ? 1 : span < 0x10000 ? 2 : span < HIGH ? 4 : 8 };
}

function frameOfUids(uids: Uint32Array): Frame {
  const base = uids[0]!;
  return { base, width: uids[uids.length - 1]! - base === uids.length - 1 ? 0 : 1 };
}

function writeColumn(
  bytes: Uint8Array,
  start: number,
  { base, width }: Frame,
  values: Uint32Array | Float64Array,
): number {
  bytes[start] = width;
  putU64(bytes, start + 1, base);
  let at = start + COLUMN_HEADER_BYTES;
  const count = values.length;
  if (width === 1) for (let i = 0; i < count; i++) bytes[at++] = values[i]! - base;
  else if (width === 2) {
    for (let i = 0; i < count; i++, at += 2) {
      const offset = values[i]! - base;
      bytes[at] = offset;
      bytes[at + 1] = offset >>> 8;
    }
  } else if (width === 4) for (let i = 0; i < count; i++, at += 4) putU32(bytes, at, values[i]! - base);
  else if (width === 8) for (let i = 0; i < count; i++, at += 8) putU64(bytes, at, values[i]! - base);
  return at;
}

export function encodeChunk(number: number, maxModseq: number, columns: ChunkColumns): Uint8Array {
  const count = columns.uids.length;
  const values = [columns.modseqs, columns.flags, columns.keywordsHigh, columns.sizes, columns.seconds];
  const uidFrame = frameOfUids(columns.uids);
  const frames = values.map(frameOf);
  let width = uidFrame.width;
  for (const frame of frames) width += frame.width;
  const bytes = new Uint8Array(HEADER_BYTES + COLUMNS * COLUMN_HEADER_BYTES + count * width);
  bytes[0] = CHUNK_VERSION;
  bytes[2] = count;
  bytes[3] = count >>> 8;
  putU32(bytes, 4, number);
  putU64(bytes, 8, maxModseq);
  let at = writeColumn(bytes, HEADER_BYTES, uidFrame, columns.uids);
  for (let i = 0; i < values.length; i++) at = writeColumn(bytes, at, frames[i]!, values[i]!);
  return bytes;
}
