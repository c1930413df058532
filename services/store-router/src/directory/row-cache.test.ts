import { describe, expect, it } from 'vitest';
import { MemoryDataStore } from '../../test/support/memory-data-store.ts';
import { WrappedStore } from '../../test/support/wrapped-store.ts';
import { RowCache } from './row-cache.ts';

const A = Buffer.from('a');
const B = Buffer.from('b');
const put = (key: Buffer, text: string) => ({ type: 'put' as const, key, value: Buffer.from(text) });

async function setUp() {
  const inner = new MemoryDataStore();
  await inner.commit({ conditions: [], mutations: [put(A, '1')] });
  const store = new WrappedStore(inner);
  const clock = { now: 1_000 };
  return { inner, store, clock, cache: new RowCache(store, () => clock.now) };
}

describe('RowCache', () => {
  it('reads once what is there and what is not, until some time passed or it was dropped', async () => {
    const { inner, store, clock, cache } = await setUp();
    expect(await cache.get([A, B])).toEqual([Buffer.from('1'), undefined]);
    await inner.commit({ conditions: [], mutations: [put(A, '2'), put(B, '2')] });
    expect(await cache.get([B, A])).toEqual([undefined, Buffer.from('1')]);
    expect(store.gets).toBe(1);
    cache.drop(B);
    expect(await cache.get([A, B])).toEqual([Buffer.from('1'), Buffer.from('2')]);
    clock.now += 2_000;
    expect(await cache.get([A, B])).toEqual([Buffer.from('2'), Buffer.from('2')]);
    cache.clear();
    await cache.get([A]);
    expect(store.gets).toBe(4);
  });

  it('does not keep what was read while a change came in', async () => {
    const { inner, store, cache } = await setUp();
    const reading = cache.get([A]);
    await inner.commit({ conditions: [], mutations: [put(A, '2')] });
    cache.drop(A);
    expect(await reading).toEqual([Buffer.from('1')]);
    expect(await cache.get([A])).toEqual([Buffer.from('2')]);
    expect(store.gets).toBe(2);
  });

  it('keeps what was made of rows for as long as the one that was read first', async () => {
    const { inner, store, clock, cache } = await setUp();
    const joined = () =>
      cache.derived('both', async (get) => {
        const rows = await get([A, B]);
        return { value: rows.map((row) => Buffer.from(row ?? []).toString()).join('+'), kept: true };
      });
    await cache.get([A]);
    clock.now += 1_500;
    expect(await joined()).toBe('1+');
    await inner.commit({ conditions: [], mutations: [put(A, '2'), put(B, '3')] });
    clock.now += 499;
    expect(await joined()).toBe('1+');
    expect(store.gets).toBe(2);
    clock.now += 1;
    expect(await joined()).toBe('2+');
    cache.drop(B);
    expect(await joined()).toBe('2+3');
    cache.clear();
    expect(await joined()).toBe('2+3');
    expect(store.gets).toBe(5);
  });

  it('keeps nothing that was made during a change, or that is said to come from elsewhere', async () => {
    const { inner, cache } = await setUp();
    const value = (kept: boolean, meanwhile = async () => {}) =>
      cache.derived('a', async (get) => {
        const [row] = await get([A]);
        await meanwhile();
        return { value: Buffer.from(row ?? []).toString(), kept };
      });
    const change = async () => {
      await inner.commit({ conditions: [], mutations: [put(A, '2')] });
      cache.drop(A);
    };
    expect(await value(true, change)).toBe('1');
    expect(await value(false)).toBe('2');
    await inner.commit({ conditions: [], mutations: [put(A, '3')] });
    cache.clear();
    expect(await value(true)).toBe('3');
  });
});
