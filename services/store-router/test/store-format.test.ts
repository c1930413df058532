import { describe, expect, it } from 'vitest';
import { BinaryReader, BinaryWriter } from '../src/account/binary.ts';
import { decodeMessageRow, encodeMessageRow } from '../src/account/rows.ts';
import { storeFormatKey } from '../src/keys.ts';
import { checkStoreFormat, STORE_GENERATION } from '../src/store-format.ts';
import { MemoryDataStore } from './support/memory-data-store.ts';

describe('the format of a store', () => {
  it('is marked once, also by nodes that start together', async () => {
    const store = new MemoryDataStore();
    await Promise.all(Array.from({ length: 5 }, () => checkStoreFormat(store)));
    expect(store.size).toBe(1);
  });

  it('of a newer generation is refused', async () => {
    const store = new MemoryDataStore();
    const value = new BinaryWriter()
      .number(1)
      .number(STORE_GENERATION + 1)
      .finish();
    await store.commit({ conditions: [], mutations: [{ type: 'put', key: storeFormatKey, value }] });
    await expect(checkStoreFormat(store)).rejects.toMatchObject({ code: 'unsupported-version' });
  });
});

describe('the version of a row', () => {
  const row = {
    blobId: new Uint8Array(32).fill(7),
    size: 3,
    internalDate: 4,
    saveDate: 5,
    structure: new Uint8Array([1, 2]),
  };

  it('may be a newer revision, which appends', () => {
    const newer = Buffer.concat([encodeMessageRow(row), Buffer.from('appended')]);
    newer[0] = 9;
    expect(decodeMessageRow(newer)).toMatchObject({ size: 3, internalDate: 4, saveDate: 5 });
  });

  it('may not be a newer generation', () => {
    const newer = Buffer.from(encodeMessageRow(row));
    newer[0] = 0x11;
    expect(() => decodeMessageRow(newer)).toThrow(expect.objectContaining({ code: 'unsupported-version' }));
    expect(() => new BinaryReader(new Uint8Array([0]), 'row').version(1)).toThrow('no version');
  });
});
