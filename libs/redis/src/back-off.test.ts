import { describe, expect, it } from 'vitest';
import { backOff } from './back-off.ts';

describe('backOff', () => {
  const limits = { reconnectMinMs: 50, reconnectMaxMs: 2000 };

  it('doubles up to the longest pause', () => {
    const pauses = [1, 2, 3, 6, 7, 1000].map((attempt) => backOff(attempt, limits, () => 0));
    expect(pauses).toEqual([50, 100, 200, 1600, 2000, 2000]);
  });

  it('is cut by up to a half at random', () => {
    expect(backOff(1, limits, () => 1)).toBe(25);
    expect(backOff(9, limits, () => 0.5)).toBe(1500);
  });
});
