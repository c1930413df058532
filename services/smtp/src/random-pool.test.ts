import { describe, expect, it } from 'vitest';
import { randomPool } from './random-pool.ts';

describe('randomPool', () => {
  it('gives each octet once, and asks for more when the pool is used up', () => {
    let fills = 0;
    const random = randomPool((pool) => {
      fills++;
      for (let i = 0; i < pool.length; i += 4) pool.writeUInt32BE(fills * pool.length + i, i);
    });
    const seen = new Set(Array.from({ length: 3_000 }, () => random(4).toString('hex')));
    expect(seen.size).toBe(3_000);
    expect(fills).toBe(3);
    expect(() => random(5_000)).toThrow(RangeError);
  });

  it('is random', () => {
    const random = randomPool();
    expect(new Set(Array.from({ length: 1_000 }, () => random(6).toString('hex'))).size).toBe(1_000);
  });

  it('does not change what it gave before', () => {
    const random = randomPool((pool) => pool.fill(7));
    const first = random(4_000);
    random(4_000);
    expect(first).toEqual(Buffer.alloc(4_000, 7));
  });
});
