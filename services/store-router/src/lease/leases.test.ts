import { describe, expect, it } from 'vitest';
import { MemoryDataStore } from '../../test/support/memory-data-store.ts';
import { Leases } from './leases.ts';

function setUp() {
  const store = new MemoryDataStore();
  const clock = { now: 1_000 };
  const leases = () => new Leases(store, () => clock.now);
  const act = async (conditions: Awaited<ReturnType<Leases['fence']>>) => store.commit({ conditions, mutations: [] });
  return { store, clock, a: leases(), b: leases(), act };
}

const conflict = { code: 'conflict' };

describe('Leases', () => {
  it('have one owner until they end', async () => {
    const { a, b, clock } = setUp();
    expect(await a.acquire('purge', 'n1', 100)).toEqual({ token: 1, expiresAt: 1_100 });
    await expect(b.acquire('purge', 'n2', 100)).rejects.toMatchObject(conflict);
    clock.now = 1_099;
    expect(await a.acquire('purge', 'n1', 100)).toEqual({ token: 1, expiresAt: 1_199 });
    clock.now = 1_199;
    expect(await b.acquire('purge', 'n2', 100)).toEqual({ token: 2, expiresAt: 1_299 });
    await expect(a.acquire('purge', 'n1', 100)).rejects.toMatchObject(conflict);
    expect(await a.acquire('other', 'n1', 100)).toMatchObject({ token: 1 });
  });

  it('are given back by their owner only, and then are another’s with another token', async () => {
    const { a, b } = setUp();
    await a.acquire('purge', 'n1', 100);
    await b.release('purge', 'n2');
    await expect(b.acquire('purge', 'n2', 100)).rejects.toMatchObject(conflict);
    await a.release('purge', 'n1');
    await a.release('purge', 'n1');
    await a.release('never', 'n1');
    expect(await a.acquire('purge', 'n1', 100)).toMatchObject({ token: 2 });
    await a.release('purge', 'n1');
    expect(await b.acquire('purge', 'n2', 100)).toMatchObject({ token: 3 });
  });

  it('go to one of several that ask at the same time', async () => {
    const { store, clock } = setUp();
    for (const token of [1, 2, 3]) {
      const asked = await Promise.allSettled(
        Array.from({ length: 10 }, (_, i) => new Leases(store, () => clock.now).acquire('x', `n${token}-${i}`, 100)),
      );
      const got = asked.filter(({ status }) => status === 'fulfilled');
      expect(got).toEqual([{ status: 'fulfilled', value: { token, expiresAt: clock.now + 100 } }]);
      clock.now += 100;
    }
  });

  it('fence what their owner does: nothing has an effect after another took over', async () => {
    const { a, b, clock, act } = setUp();
    const { token } = await a.acquire('purge', 'n1', 100);
    const fence = await a.fence('purge', token);
    await act(fence);
    clock.now += 100;
    // The time is over, but nobody else acts yet.
    await act(await a.fence('purge', token));
    await b.acquire('purge', 'n2', 100);
    await expect(act(fence)).rejects.toMatchObject(conflict);
    await expect(a.fence('purge', token)).rejects.toMatchObject({ ...conflict, retryable: false });
    await act(await b.fence('purge', 2));
    await b.release('purge', 'n2');
    await expect(b.fence('purge', 2)).rejects.toMatchObject(conflict);
    await expect(b.fence('never', 0)).rejects.toMatchObject(conflict);
  });

  it('end when they are not renewed, also those of a router whose clock is an hour ahead', async () => {
    const { a, clock, store } = setUp();
    const ahead = new Leases(store, () => clock.now + 3_600_000);
    await ahead.acquire('purge', 'n2', 100);
    const taken = () => a.acquire('purge', 'n1', 100);
    await expect(taken()).rejects.toMatchObject(conflict);
    clock.now += 99;
    await expect(taken()).rejects.toMatchObject(conflict);
    await ahead.acquire('purge', 'n2', 100);
    clock.now += 1;
    await expect(taken()).rejects.toMatchObject(conflict);
    clock.now += 99;
    await expect(taken()).rejects.toMatchObject(conflict);
    clock.now += 1;
    expect(await taken()).toMatchObject({ token: 2 });
    await expect(ahead.fence('purge', 1)).rejects.toMatchObject(conflict);
  });

  it('need a name, an owner and a time', async () => {
    const { a } = setUp();
    const bad: [string, string, number][] = [
      ['', 'n', 1],
      ['x', '', 1],
      ['x', 'n', 0],
      ['x'.repeat(257), 'n', 1],
    ];
    for (const each of bad) await expect(a.acquire(...each)).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});
