import { describe, expect, it } from 'vitest';
import { IndexPace } from './index-pace.ts';

function setUp(busy: () => number) {
  const clock = { now: 0, rests: 0 };
  const pace = new IndexPace({
    now: () => clock.now,
    delay: async (ms) => {
      clock.now += ms;
      clock.rests++;
    },
    watch: () => busy,
  });
  return { clock, pace };
}

describe('IndexPace', () => {
  it('takes a tenth of the time while others keep the event loop busy', async () => {
    const { clock, pace } = setUp(() => 0.9);
    for (let worked = 0; worked < 1_000; worked += 50) {
      clock.now += 50;
      await pace.rest();
    }
    expect(clock.now).toBe(10_000);
  });

  it('only looks now and then where nothing else is under way', async () => {
    const { clock, pace } = setUp(() => 0.1);
    for (let worked = 0; worked < 1_000; worked += 50) {
      clock.now += 50;
      await pace.rest();
    }
    expect(clock).toEqual({ now: 1_100, rests: 10 });
  });

  it('goes on as soon as the others are done, and rests for a bounded time', async () => {
    let looks = 0;
    const { clock, pace } = setUp(() => (looks++ < 5 ? 1 : 0));
    clock.now += 100;
    await pace.rest();
    expect(clock.now).toBe(160);
    looks = Number.NEGATIVE_INFINITY;
    clock.now += 60_000;
    await pace.rest();
    expect(clock.now).toBe(62_160);
  });
});
