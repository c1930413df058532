import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  countNumbers,
  eachNumber,
  includesNumber,
  intersectionOfSets,
  isNumberSet,
  numberSet,
  numberSetOf,
  overlapsRange,
  unionOfSets,
} from './uid-set.ts';

const set = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 60 })), { maxLength: 6 })
  .map(numberSet);

const members = (bounds: readonly number[]) => new Set(eachNumber(bounds));

describe('number sets', () => {
  it('are in their one form', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 60 }))), (ranges) => {
        const bounds = numberSet(ranges);
        expect(isNumberSet(bounds)).toBe(true);
        const expected = new Set<number>();
        for (const [a, b] of ranges) for (let n = Math.min(a, b); n <= Math.max(a, b); n++) expected.add(n);
        const sorted = [...expected].sort((a, b) => a - b);
        expect([...eachNumber(bounds)]).toEqual(sorted);
        expect(numberSetOf(sorted)).toEqual(bounds);
        expect(countNumbers(bounds)).toBe(sorted.length);
      }),
    );
  });

  it('behave as sets', () => {
    fc.assert(
      fc.property(set, set, fc.integer({ min: 0, max: 70 }), fc.nat(5), (a, b, number, span) => {
        expect(members(unionOfSets(a, b))).toEqual(new Set([...members(a), ...members(b)]));
        expect(isNumberSet(unionOfSets(a, b))).toBe(true);
        expect([...eachNumber(intersectionOfSets(a, b))]).toEqual([...members(a)].filter((n) => members(b).has(n)));
        expect(includesNumber(a, number)).toBe(members(a).has(number));
        const range = Array.from({ length: span + 1 }, (_, i) => number + i);
        expect(overlapsRange(a, number, number + span)).toBe(range.some((n) => members(a).has(n)));
      }),
    );
  });

  it.each([[[1]], [[0, 1]], [[2, 1]], [[1, 2, 2, 3]], [[1, 2 ** 32]], [[1.5, 2]], [[Number.NaN, 2]]])(
    '%j is none',
    (bounds) => {
      expect(isNumberSet(bounds)).toBe(false);
    },
  );
});
