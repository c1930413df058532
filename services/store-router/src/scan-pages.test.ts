import { expect, it } from 'vitest';
import { MemoryDataStore } from '../test/support/memory-data-store.ts';
import { scanPages } from './scan-pages.ts';

it.each([
  [0, 10],
  [1, 10],
  [500, 10],
  [501, 10],
  [1_234, 10],
  [300, 20_000],
])('%i rows of %i octets come once each, in order, in bounded pages', async (count, octets) => {
  const store = new MemoryDataStore();
  const key = (i: number) => Buffer.from(`k${String(i).padStart(5, '0')}`);
  const value = new Uint8Array(octets);
  await store.commit({
    conditions: [],
    mutations: Array.from({ length: count }, (_, i) => ({ type: 'put' as const, key: key(i), value })),
  });
  const keys: string[] = [];
  for await (const page of scanPages(store, { start: Buffer.from('k'), end: Buffer.from('l') })) {
    expect(page.length).toBeGreaterThan(0);
    expect(page.length).toBeLessThanOrEqual(500);
    expect(page.length * octets).toBeLessThan(4 * 1024 * 1024);
    keys.push(...page.map((entry) => Buffer.from(entry.key).toString()));
  }
  expect(keys).toEqual(Array.from({ length: count }, (_, i) => key(i).toString()));
});
