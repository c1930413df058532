import type { BlobStore, DataEntry, DataStore, Key, KeyRange } from '@stoa/plugin-sdk';

/** The two stores of a node that hold what must not be lost. */
export interface MailStores {
  readonly data: DataStore;
  readonly blobs: BlobStore;
}

/** The least key above another. */
export function after(key: Key): Key {
  return Buffer.concat([key, Buffer.of(0)]);
}

const PAGE_ROWS = 2_000;
const PAGE_BYTES = 2 * 1024 * 1024;

/** Rows from the beginning of a range, not too many at a time. `rest`: where the next page begins; undefined at the end. */
export async function readPage(
  store: DataStore,
  range: KeyRange,
  signal: AbortSignal | undefined,
): Promise<{ rows: DataEntry[]; rest: KeyRange | undefined }> {
  const rows: DataEntry[] = [];
  let octets = 0;
  for await (const batch of store.scan(range, { limit: PAGE_ROWS, signal })) {
    rows.push(...batch);
    octets += batch.reduce((sum, { value }) => sum + value.length, 0);
    if (octets >= PAGE_BYTES) break;
  }
  const last = rows.at(-1);
  const whole = last === undefined || (rows.length < PAGE_ROWS && octets < PAGE_BYTES);
  return { rows, rest: whole ? undefined : { start: after(last.key), end: range.end } };
}

export function sameValue(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : Buffer.compare(a, b) === 0;
}
