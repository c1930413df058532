import { StoaError } from '@stoa/plugin-sdk';

/**
 * Arrays in the binary format of PostgreSQL (array_recv): sent as they are, where the text format would double the
 * octets and cost both sides the conversion.
 */
const HEADER = 20;
const OID = { bool: 16, bytea: 17, int4: 23 };

function header(out: Buffer, type: number, count: number, nulls: boolean): number {
  // An empty array has no dimension.
  out.writeInt32BE(count === 0 ? 0 : 1, 0);
  out.writeInt32BE(nulls ? 1 : 0, 4);
  out.writeInt32BE(type, 8);
  if (count === 0) return 12;
  out.writeInt32BE(count, 12);
  out.writeInt32BE(1, 16);
  return HEADER;
}

/** bytea[]; undefined is null. */
export function byteaArray(values: readonly (Uint8Array | undefined)[]): Buffer {
  let size = values.length === 0 ? 12 : HEADER;
  let nulls = false;
  for (const value of values) {
    size += 4 + (value?.length ?? 0);
    if (value === undefined) nulls = true;
  }
  const out = Buffer.allocUnsafe(size);
  let at = header(out, OID.bytea, values.length, nulls);
  for (const value of values) {
    at = out.writeInt32BE(value?.length ?? -1, at);
    if (value === undefined) continue;
    out.set(value, at);
    at += value.length;
  }
  return out;
}

/** integer[] */
export function integerArray(values: readonly number[]): Buffer {
  const out = Buffer.allocUnsafe((values.length === 0 ? 12 : HEADER) + values.length * 8);
  let at = header(out, OID.int4, values.length, false);
  for (const value of values) {
    at = out.writeInt32BE(4, at);
    at = out.writeInt32BE(value, at);
  }
  return out;
}

/** boolean[] */
export function booleanArray(values: readonly boolean[]): Buffer {
  const out = Buffer.allocUnsafe((values.length === 0 ? 12 : HEADER) + values.length * 5);
  let at = header(out, OID.bool, values.length, false);
  for (const value of values) {
    at = out.writeInt32BE(1, at);
    at = out.writeUInt8(value ? 1 : 0, at);
  }
  return out;
}

/** A bytea as the server prints it under `bytea_output = hex`, or as `escape` prints it. */
export function parseBytea(text: string): Buffer {
  if (text.startsWith('\\x')) {
    const octets = Buffer.from(text.slice(2), 'hex');
    if (octets.length * 2 !== text.length - 2) throw new StoaError('data-loss', 'the server sent a bytea that is none');
    return octets;
  }
  const plain = text.replace(/\\(\\|[0-7]{3})/g, (_, code: string) =>
    code === '\\' ? '\\' : String.fromCharCode(Number.parseInt(code, 8)),
  );
  return Buffer.from(plain, 'latin1');
}
