import { describe, expect, it } from 'vitest';
import { slotOf } from './slot.ts';

/** Values of the Redis Cluster specification, and of CLUSTER KEYSLOT. */
describe('slotOf', () => {
  it.each([
    ['123456789', 12_739],
    ['foo', 12_182],
    ['', 0],
    ['{user1000}.following', 3443],
    ['{user1000}.followers', 3443],
    ['foo{}{bar}', 8363],
    ['foo{{bar}}zap', 4015],
    ['foo{bar}{zap}', 5061],
  ])('%s', (key, slot) => {
    expect(slotOf(key)).toBe(slot);
  });
});
