import { describe, expect, it } from 'vitest';
import { formatSize, formatTable, parseSize } from './output.ts';

describe('what the commands print', () => {
  it('tables have aligned columns, and a dash for nothing', () => {
    expect(
      formatTable(
        [
          { a: 'x', b: 1 },
          { a: 'long', b: undefined },
        ],
        ['a', 'b'],
      ),
    ).toBe('A     B\nx     1\nlong  -\n');
  });

  it('sizes are read and written as people do', () => {
    expect(parseSize('2G')).toBe(2_147_483_648);
    expect(parseSize('500 MiB')).toBe(524_288_000);
    expect(parseSize('0')).toBe(0);
    expect(() => parseSize('much')).toThrow('is no size');
    expect(formatSize(1536)).toBe('1.5 KiB');
    expect(formatSize(12)).toBe('12 B');
  });
});
