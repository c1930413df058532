import type { DataEntry, DataStore, KeyRange } from '@stoa/plugin-sdk';

const PAGE = 500;
/** Octets of values after which a page ends; what the driver gives at once may go beyond. */
const PAGE_BYTES = 1024 * 1024;

/**
 * A range in pages, each from a scan of its own: the reader may take its time between them, and sees what was written
 * meanwhile further on.
 */
export async function* scanPages(
  store: DataStore,
  range: KeyRange,
  options: { keysOnly?: boolean; signal?: AbortSignal | undefined } = {},
): AsyncGenerator<DataEntry[]> {
  let { start } = range;
  for (;;) {
    const page: DataEntry[] = [];
    let octets = 0;
    for await (const batch of store.scan({ start, end: range.end }, { ...options, limit: PAGE })) {
      page.push(...batch);
      octets += batch.reduce((sum, { value }) => sum + value.length, 0);
      if (octets >= PAGE_BYTES) break;
    }
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    if (page.length < PAGE && octets < PAGE_BYTES) return;
    // The smallest key after the last one.
    start = Buffer.concat([last.key, Buffer.of(0)]);
  }
}
