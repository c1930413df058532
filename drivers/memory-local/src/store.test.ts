import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Expiring, ExpiryQueue } from './expiry-queue.ts';
import { LocalMemoryStore } from './store.ts';

const MIB = 1024 * 1024;

function makeStore(maxSize = MIB) {
  let time = 1000;
  const store = new LocalMemoryStore({ maxSize }, () => time);
  return {
    store,
    pass: (ms: number) => {
      time += ms;
    },
  };
}

const bytes = (text: string) => new Uint8Array(Buffer.from(text));

describe('the time to live', () => {
  it('ends to the millisecond', async () => {
    const { store, pass } = makeStore();
    await store.set('k', bytes('1'), { ttlMs: 100 });
    pass(99);
    expect(await store.get('k')).toEqual(bytes('1'));
    expect(await store.add('k', bytes('2'), { ttlMs: 100 })).toBe(false);
    pass(1);
    expect(await store.get('k')).toBeUndefined();
    expect(await store.compareAndSet('k', bytes('1'), bytes('2'), { ttlMs: 1 })).toBe(false);
    expect(await store.add('k', bytes('2'), { ttlMs: 100 })).toBe(true);
    await store.close();
  });

  it('of a counter is that of its first increment', async () => {
    const { store, pass } = makeStore();
    expect(await store.increment('c', 2, { ttlMs: 100 })).toBe(2);
    pass(60);
    expect(await store.increment('c', 3, { ttlMs: 100 })).toBe(5);
    pass(40);
    expect(await store.increment('c', 1, { ttlMs: 100 })).toBe(1);
    await store.close();
  });
});

describe('the bound of memory', () => {
  it('drops the keys closest to their end', async () => {
    const { store } = makeStore();
    const value = new Uint8Array(200_000);
    await store.set('third', value, { ttlMs: 3000 });
    await store.set('first', value, { ttlMs: 1000 });
    await store.set('second', value, { ttlMs: 2000 });
    await store.set('fourth', value, { ttlMs: 4000 });
    await store.set('fifth', new Uint8Array(400_000), { ttlMs: 500 });
    const left = ['first', 'second', 'third', 'fourth', 'fifth'];
    const found = await Promise.all(left.map((key) => store.get(key)));
    expect(left.filter((_, index) => found[index] !== undefined)).toEqual(['second', 'third', 'fourth', 'fifth']);
    await store.close();
  });

  it('holds under any sequence, also when values are replaced and counters grow', async () => {
    const { store, pass } = makeStore();
    for (let round = 0; round < 3000; round += 1) {
      await store.set(`k${round % 700}`, new Uint8Array((round * 37) % 5000), { ttlMs: 1 + ((round * 7919) % 5000) });
      await store.increment(`c${round % 50}`, 10 ** (round % 9), { ttlMs: 1000 });
      pass(1);
    }
    const sizes = await Promise.all(
      Array.from({ length: 700 }, async (_, index) => (await store.get(`k${index}`))?.length ?? 0),
    );
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(MIB);
    expect(sizes.filter((size) => size > 0).length).toBeGreaterThan(50);
    await store.close();
  });
});

describe('bad input', () => {
  it('is refused', async () => {
    const { store } = makeStore();
    await store.set('text', bytes('no number'), { ttlMs: 1000 });
    await expect(store.increment('text', 1, { ttlMs: 1000 })).rejects.toMatchObject({ code: 'failed-precondition' });
    await store.set('huge', bytes('9007199254740991'), { ttlMs: 1000 });
    await expect(store.increment('huge', 1, { ttlMs: 1000 })).rejects.toMatchObject({ code: 'failed-precondition' });
    await expect(store.set('k', bytes('1'), { ttlMs: 0 })).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(store.set('k', bytes('1'), { ttlMs: Number.NaN })).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(store.set('k', new Uint8Array(MIB), { ttlMs: 1 })).rejects.toMatchObject({ code: 'too-large' });
    await expect(store.get('a b')).rejects.toMatchObject({ code: 'invalid-argument' });
    await store.close();
    await expect(store.get('k')).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('ExpiryQueue', () => {
  it('gives the entries in the order of their ends, whatever was removed', () => {
    const plans = fc.array(fc.record({ expiresAt: fc.integer({ min: 0, max: 50 }), removed: fc.boolean() }));
    fc.assert(
      fc.property(plans, (plan) => {
        const queue = new ExpiryQueue<Expiring>();
        const entries = plan.map(({ expiresAt }) => ({ expiresAt, slot: 0 }));
        for (const entry of entries) queue.add(entry);
        for (const [index, { removed }] of plan.entries()) if (removed) queue.remove(entries[index]!);
        const left: number[] = [];
        for (let first = queue.peek(); first !== undefined; first = queue.peek()) {
          left.push(first.expiresAt);
          queue.remove(first);
        }
        const expected = plan.filter(({ removed }) => !removed).map(({ expiresAt }) => expiresAt);
        expect(left).toEqual(expected.sort((a, b) => a - b));
      }),
    );
  });
});
