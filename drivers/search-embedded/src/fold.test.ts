import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fold, trigramsOf } from './fold.ts';

const texts = fc.string({
  unit: fc.oneof(
    fc.constantFrom(...'aAbBİiIıΣσςÅåßẞǅ\u0307\0"'),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
  ),
  maxLength: 20,
});

/** Lower case by character, as the caller compares. */
const lower = (text: string) => Array.from(text, (each) => (each === 'İ' ? 'i' : each.toLowerCase())).join('');

describe('fold', () => {
  it('keeps every match, by character or by string', () => {
    fc.assert(
      fc.property(texts, fc.nat(20), fc.nat(20), (text, start, length) => {
        const part = Array.from(text)
          .slice(start, start + length)
          .join('');
        for (const query of [part, part.toLowerCase(), part.toUpperCase(), lower(part)]) {
          const matches = lower(text).includes(lower(query)) || text.toLowerCase().includes(query.toLowerCase());
          if (matches) expect(fold(text)).toContain(fold(query));
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('trigramsOf', () => {
  it.each([
    ['ab', undefined],
    ['abc', ['abc']],
    ['ABCD', ['abc', 'bcd']],
    ['aaaaa', ['aaa']],
    ['👋🏽x', ['👋🏽x']],
    ['ab\u0307', undefined],
    ['abc\ud800', undefined],
    ['', undefined],
  ])('%j', (text, expected) => {
    expect(trigramsOf(text)).toEqual(expected);
  });

  it('gives only trigrams that are in the text, and few of a long one', () => {
    const long = Array.from({ length: 50_000 }, (_, index) => String.fromCodePoint(0x1f300 + (index % 500))).join('');
    const trigrams = trigramsOf(long)!;
    expect(trigrams.length).toBeLessThanOrEqual(64);
    for (const trigram of trigrams) expect(fold(long)).toContain(trigram);
  });

  it('never cuts a character in two', () => {
    fc.assert(
      fc.property(fc.nat(5), (shift) => {
        const text = `${'a'.repeat(4093 + shift)}👋ΣΑ`;
        for (const trigram of trigramsOf(text)!) expect(fold(text)).toContain(trigram);
      }),
    );
  });
});
