import type { BlobKey } from '@stoa/plugin-sdk';
import { BLOB_ID_BYTES } from '../keys.ts';

/** Where a body lies in the blob store: hexadecimal, with two levels so that folders stay small. Keys sort as the ids do. */
export function blobKey(blobId: Uint8Array): BlobKey {
  const hex = Buffer.from(blobId.buffer, blobId.byteOffset, blobId.byteLength).toString('hex');
  return `${hex.slice(0, 2)}/${hex.slice(2, 4)}/${hex}`;
}

const KEY = /^([0-9a-f]{2})\/([0-9a-f]{2})\/(\1\2[0-9a-f]{60})$/;

/** The id that a key is of; undefined for a key that is not a body's. */
export function parseBlobKey(key: BlobKey): Uint8Array | undefined {
  const hex = KEY.exec(key)?.[3];
  return hex === undefined ? undefined : Buffer.from(hex, 'hex');
}

export function isBlobId(bytes: Uint8Array): boolean {
  return bytes.length === BLOB_ID_BYTES;
}
