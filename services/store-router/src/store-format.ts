import { type DataStore, hasCode, StoaError } from '@stoa/plugin-sdk';
import { BinaryReader, BinaryWriter } from './account/binary.ts';
import { storeFormatKey } from './keys.ts';

const VERSION = 1;

/** Generation of all row formats together; goes up when older programs must not touch the store any more. */
export const STORE_GENERATION = 1;

/**
 * Makes sure that this program may work with the store: an empty one is marked with the generation of this program, one
 * that a newer generation uses is refused with `unsupported-version`.
 */
export async function checkStoreFormat(store: DataStore): Promise<void> {
  const value = new BinaryWriter().number(VERSION).number(STORE_GENERATION).finish();
  for (;;) {
    const [row] = await store.get([storeFormatKey]);
    if (row !== undefined) return refuseNewer(row);
    try {
      return await store.commit({
        conditions: [{ key: storeFormatKey, equals: undefined }],
        mutations: [{ type: 'put', key: storeFormatKey, value }],
      });
    } catch (error) {
      // Another node that starts now was first.
      if (!hasCode(error, 'conflict')) throw error;
    }
  }
}

function refuseNewer(row: Uint8Array): void {
  const reader = new BinaryReader(row, 'store format');
  reader.version(VERSION);
  const generation = reader.number();
  if (generation <= STORE_GENERATION) return;
  throw new StoaError(
    'unsupported-version',
    `the data store has formats of generation ${generation}, this program knows ${STORE_GENERATION}: a newer release has changed it; start that release`,
  );
}
