import {
  type BlobInfo,
  type BlobKey,
  type DataMutation,
  FIRST_DRIVER_KEY,
  type KeyRange,
  StoaError,
} from '@stoa/plugin-sdk';

/**
 * Two rows for a blob, always written and deleted in one commit: `info` (size and time), so that listing reads no contents,
 * and `content`. A key is the octets 0xf0 and 0x62, that of the table, and the blob's key in ASCII; so rows sort as blobs do.
 */
const TABLE = { info: 0x01, content: 0x02 } as const;

const OWNER = 0x62; // b
const PREFIX_BYTES = 3;
const VERSION = 1;
const INFO_BYTES = 13;

function row(table: number, text: string): Buffer {
  const key = Buffer.allocUnsafe(PREFIX_BYTES + text.length);
  key[0] = FIRST_DRIVER_KEY;
  key[1] = OWNER;
  key[2] = table;
  key.write(text, PREFIX_BYTES, 'latin1');
  return key;
}

export function infoKey(key: BlobKey): Buffer {
  return row(TABLE.info, key);
}

export function contentKey(key: BlobKey): Buffer {
  return row(TABLE.content, key);
}

/** Info rows of the blobs with a prefix, after a key; undefined: none can be. Keys are ASCII, so 0x7f is beyond them all. */
export function infoRange(prefix: string, after: BlobKey | undefined): KeyRange | undefined {
  const start = after === undefined || after < prefix ? row(TABLE.info, prefix) : row(TABLE.info, `${after}\0`);
  const end = row(TABLE.info, `${prefix}\x7f`);
  return Buffer.compare(start, end) < 0 ? { start, end } : undefined;
}

export function blobOfInfo(infoRow: Uint8Array): BlobKey {
  return Buffer.from(infoRow.buffer, infoRow.byteOffset, infoRow.byteLength).toString('latin1', PREFIX_BYTES);
}

/** Octets: version, size (4), time (8); big-endian. */
export function encodeInfo(size: number, modifiedAt: number): Buffer {
  const value = Buffer.allocUnsafe(INFO_BYTES);
  value[0] = VERSION;
  value.writeUInt32BE(size, 1);
  value.writeBigUInt64BE(BigInt(modifiedAt), 5);
  return value;
}

/** Revisions (the low four bits of the version) may append to it (docs/decisions/0008). */
export function decodeInfo(key: BlobKey, value: Uint8Array): BlobInfo {
  const buffer = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const version = buffer[0] ?? 0;
  if (version >> 4 > VERSION >> 4) {
    throw new StoaError(
      'unsupported-version',
      `a blob in the data store: version ${version} is newer than this program`,
    );
  }
  if (version === 0 || buffer.length < INFO_BYTES) {
    throw new StoaError('data-loss', 'a blob in the data store: its size and time cannot be read');
  }
  return { key, size: buffer.readUInt32BE(1), modifiedAt: Number(buffer.readBigUInt64BE(5)) };
}

/** What stores a blob. */
export function storing(key: BlobKey, content: Uint8Array, now: number): DataMutation[] {
  return [
    { type: 'put', key: infoKey(key), value: encodeInfo(content.length, now) },
    { type: 'put', key: contentKey(key), value: content },
  ];
}

export function deleting(key: BlobKey): DataMutation[] {
  return [
    { type: 'delete', key: infoKey(key) },
    { type: 'delete', key: contentKey(key) },
  ];
}
