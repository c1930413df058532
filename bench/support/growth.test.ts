import { describe, expect, it } from 'vitest';
import { exponent, kindOf, plot } from './growth.ts';

const sizes = [10, 100, 1000, 10_000];
const points = (cost: (size: number) => number) => sizes.map((size) => ({ size, cost: cost(size) }));

describe('how cost grows', () => {
  it('is told from the logarithms of size and cost', () => {
    const kinds = [() => 3, Math.log, Math.sqrt, (size: number) => 2 * size, (size: number) => size ** 2].map((cost) =>
      kindOf(exponent(points(cost)) as number),
    );
    expect(kinds).toEqual(['flat', 'logarithmic', 'less than linear', 'linear', 'more than linear']);
    expect(exponent(points((size) => 7 * size))).toBeCloseTo(1);
    expect(exponent([{ size: 10, cost: 1 }])).toBeUndefined();
  });

  it('is shown by bars that grow by as much for each doubling', () => {
    const text = plot(new Map([['SELECT', [1, 2, 4].map((cost) => ({ size: cost * 10, cost }))]]), 'ms');
    const lengths = [...text.matchAll(/#+/g)].map(([bar]) => bar.length);
    expect(lengths).toEqual([13, 27, 40]);
    expect(text).toContain('SELECT: linear');
    expect(text).toContain('       40 ');
  });
});
