import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shardOf, shardsOf } from './shards.ts';

describe('shardsOf', () => {
  it('finds the groups that a node is in', () => {
    expect(shardsOf(undefined, ['1'])).toEqual({ count: 1, own: [0] });
    expect(shardsOf([['1', '4'], ['2', '3'], ['1']], ['1'])).toEqual({ count: 3, own: [0, 2] });
    expect(shardsOf([['1', '4']], ['9'])).toEqual({ count: 1, own: [] });
    expect(shardsOf([['1'], ['1-2'], ['1-1']], ['1-2', '1'])).toEqual({ count: 3, own: [0, 1] });
  });
});

describe('shardOf', () => {
  it('is FNV-1a', () => {
    // From the test vectors of draft-eastlake-fnv: "" 0x811c9dc5, "a" 0xe40c292c, "foobar" 0xbf9cf968.
    expect(shardOf('', 2 ** 32)).toBe(0x811c9dc5);
    expect(shardOf('a', 2 ** 32)).toBe(0xe40c292c);
    expect(shardOf(Buffer.from('foobar'), 2 ** 32)).toBe(0xbf9cf968);
  });

  it('gives every id to one of the shards', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 50 }), (id, count) => {
        const shard = shardOf(id, count);
        expect(Number.isInteger(shard) && shard >= 0 && shard < count).toBe(true);
      }),
    );
  });
});
