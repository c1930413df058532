import { describe, expect, it } from 'vitest';
import { Values } from './values.ts';

const memories = (copies: readonly Buffer[]) => new Set(copies.map(({ buffer }) => buffer));

describe('Values', () => {
  it('copies what the next read overwrites', () => {
    const values = new Values();
    const shared = Buffer.from('abcdef');
    const copies = [values.copy(shared, 0, 6), values.copy(shared, 1, 3), values.copy(shared, 2, 2)];
    shared.fill('x');
    expect(copies.map(String)).toEqual(['abcdef', 'bc', '']);
  });

  it('lays the values of one read side by side: a thousand take a dozen pieces of memory', () => {
    const values = new Values();
    const shared = Buffer.alloc(400, 'v');
    const copies = Array.from({ length: 1000 }, () => values.copy(shared, 0, 400));
    expect(copies.every((copy) => copy.equals(shared))).toBe(true);
    expect(memories(copies).size).toBeLessThanOrEqual(13);
  });

  it('gives memory of its own to a value that is read alone, and to a large one', () => {
    const values = new Values();
    const alone = values.copy(Buffer.from('guard'), 0, 5);
    values.begin();
    const large = Buffer.alloc(20_000, 'l');
    const copies = [alone, values.copy(large, 0, 20_000), values.copy(large, 0, 20_000)];
    expect(copies.map(({ buffer }) => buffer.byteLength)).toEqual([5, 20_000, 20_000]);
    expect(memories(copies).size).toBe(3);
  });
});
