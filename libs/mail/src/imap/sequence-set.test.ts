import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { eachNumber, isNumberSet } from '../mailbox/uid-set.ts';
import {
  formatSequenceSet,
  largestNamed,
  parseSequenceSet,
  resolveSequenceSet,
  SAVED_RESULT,
  STAR,
} from './sequence-set.ts';
import { formatNumberSet, formatNumbers, formatUidList } from './write/number-set.ts';

const parse = (text: string) => parseSequenceSet(Buffer.from(text));

describe('sequence sets', () => {
  it.each([
    ['1', [1, 1]],
    ['*', [STAR, STAR]],
    ['2,4:7,9,12:*', [2, 2, 4, 7, 9, 9, 12, STAR]],
    ['*:4', [STAR, 4]],
    ['4294967295', [4294967295, 4294967295]],
    ['$', SAVED_RESULT],
  ])('reads %s', (text, set) => {
    expect(parse(text)).toEqual(set);
    expect(formatSequenceSet(parse(text)!)).toBe(text);
  });

  it.each([
    '',
    '0',
    '01',
    '4294967296',
    '1,',
    ',1',
    '1:',
    ':1',
    '1:2:3',
    '**',
    '1*',
    '$,1',
    '1,$',
    '-1',
    '1 2',
    '99999999999999999999999',
  ])('refuses %j', (text) => {
    expect(parse(text)).toBeUndefined();
  });

  it('puts the largest number for *', () => {
    expect(resolveSequenceSet(parse('5:*')!, 3)).toEqual([3, 5]);
    expect(resolveSequenceSet(parse('*,1')!, 3)).toEqual([1, 1, 3, 3]);
    expect(resolveSequenceSet(parse('1:*')!, 0)).toEqual([]);
    expect(resolveSequenceSet(parse('$')!, 9, [2, 4])).toEqual([2, 4]);
    expect(resolveSequenceSet(parse('1:4294967295')!, 5)).toEqual([1, 4294967295]);
    expect(resolveSequenceSet(parse('1:2,3:4')!, 9)).toEqual([1, 4]);
    expect(largestNamed(parse('3,9:5,*')!)).toBe(9);
    expect(largestNamed('$')).toBe(0);
  });

  it('resolves to a sorted, disjoint set of the same numbers', () => {
    const bound = fc.nat(30);
    fc.assert(
      fc.property(fc.array(fc.tuple(bound, bound), { minLength: 1 }), fc.integer({ min: 1, max: 30 }), (pairs, max) => {
        const resolved = resolveSequenceSet(pairs.flat(), max);
        expect(isNumberSet(resolved)).toBe(true);
        const numbers = new Set<number>();
        for (const pair of pairs) {
          const [a, b] = pair.map((end) => (end === STAR ? max : end)) as [number, number];
          for (let i = Math.min(a, b); i <= Math.max(a, b); i++) numbers.add(i);
        }
        expect([...eachNumber(resolved)]).toEqual([...numbers].sort((a, b) => a - b));
        expect(parse(formatNumberSet(resolved))).toEqual(resolved);
      }),
    );
  });

  it('are written compactly', () => {
    expect(formatNumbers(Uint32Array.of(1, 2, 3, 5, 7, 8))).toBe('1:3,5,7:8');
    expect(formatUidList([304, 319, 320, 5, 6, 1])).toBe('304,319:320,5:6,1');
    expect(formatUidList([])).toBe('');
  });
});
