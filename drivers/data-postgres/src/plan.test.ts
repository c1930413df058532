import type { DataMutation } from '@stoa/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { lockOf, MAX_KEY_LOCKS, planCommit } from './plan.ts';

const key = (text: string) => Buffer.from(text);
const put = (text: string, value: string): DataMutation => ({ type: 'put', key: key(text), value: key(value) });
const remove = (text: string): DataMutation => ({ type: 'delete', key: key(text) });
const range = (start: string, end: string): DataMutation => ({
  type: 'delete-range',
  range: { start: key(start), end: key(end) },
});
const plan = (...mutations: DataMutation[]) => {
  const { puts, deletes, ranges, alone } = planCommit({ conditions: [], mutations });
  return {
    puts: puts.map(({ key, value }) => `${key}=${value}`),
    deletes: deletes.map(String),
    ranges: ranges.map(({ start, end }) => `${start}-${end}`),
    alone,
  };
};

describe('planCommit', () => {
  it('keeps the last change of each key', () => {
    expect(
      plan(put('a', '1'), remove('b'), put('b', '2'), put('a', '3'), remove('c'), put('d', '4'), remove('d')),
    ).toEqual({
      puts: ['a=3', 'b=2'],
      deletes: ['c', 'd'],
      ranges: [],
      alone: false,
    });
  });

  it('lets a range take back what came before it, and nothing after it', () => {
    expect(plan(put('a', '1'), put('b', '1'), put('c', '1'), range('b', 'c'), put('bb', '2'))).toEqual({
      puts: ['a=1', 'c=1', 'bb=2'],
      deletes: [],
      ranges: ['b-c'],
      alone: true,
    });
    expect(plan(range('b', 'b'), range('c', 'b'))).toEqual({ puts: [], deletes: [], ranges: [], alone: false });
  });

  it('locks a key that is compared for reading, one that changes for writing', () => {
    const { shared, exclusive, octets } = planCommit({
      conditions: [
        { key: key('a'), equals: undefined },
        { key: key('b'), equals: key('123') },
      ],
      mutations: [put('b', '4'), remove('c')],
    });
    expect([...shared]).toEqual([lockOf(key('a'))]);
    expect([...exclusive]).toEqual([lockOf(key('b')), lockOf(key('c'))]);
    expect(octets).toBe(8);
  });

  it('has all keys for itself when it has many', () => {
    const many = (count: number) => Array.from({ length: count }, (_, index) => put(`key ${index}`, ''));
    expect(plan(...many(MAX_KEY_LOCKS)).alone).toBe(false);
    expect(plan(...many(MAX_KEY_LOCKS + 1)).alone).toBe(true);
  });

  it('refuses what is too large', () => {
    expect(() => plan(put('', ''))).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
    expect(() => plan(put('x'.repeat(1025), ''))).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
    expect(() => plan(range('', 'x'.repeat(1026)))).toThrow(expect.objectContaining({ code: 'invalid-argument' }));
    expect(() => plan(put('x', 'x'.repeat(4 * 1024 * 1024 + 1)))).toThrow(
      expect.objectContaining({ code: 'too-large' }),
    );
  });
});

describe('lockOf', () => {
  it('never changes, for processes of other versions', () => {
    // CRC-32 of "a" is e8b7be43.
    expect(lockOf(key('a'))).toBe(0xe8b7be43 - 0x7fffffff + 1);
    for (let index = 0; index < 1000; index += 1) {
      expect(lockOf(key(`${index}`))).toBeGreaterThan(0);
      expect(lockOf(key(`${index}`))).toBeLessThan(2 ** 31);
    }
  });
});
