import type { DataEntry, DataStore, KeyRange } from '@stoa/plugin-sdk';

const PAGE = 500;

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
    for await (const batch of store.scan({ start, end: range.end }, { ...options, limit: PAGE })) page.push(...batch);
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    if (page.length < PAGE) return;
    // The smallest key after the last one.
    start = Buffer.concat([last.key, Buffer.of(0)]);
  }
}
