import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeUtf7, encodeUtf7, Utf7Error } from './utf7.ts';

describe('modified UTF-7', () => {
  // RFC 3501 section 5.1.3
  it.each([
    ['~peter/mail/台北/日本語', '~peter/mail/&U,BTFw-/&ZeVnLIqe-'],
    ['Q&A', 'Q&-A'],
    ['&', '&-'],
    ['☺!', '&Jjo-!'],
    ['Entwürfe', 'Entw&APw-rfe'],
    ['😀', '&2D3eAA-'],
    ['tab\there', 'tab&AAk-here'],
    ['', ''],
  ])('%s is %s', (name, encoded) => {
    expect(encodeUtf7(name)).toBe(encoded);
    expect(decodeUtf7(encoded)).toBe(name);
  });

  it.each([
    '&',
    'a&Jjo',
    '&Jjo',
    '&JjoA-',
    '&AGE-',
    '&Jjo-&Jjo-',
    '&Jj-',
    '&J-',
    '&A*A-',
    '&2D0-',
    '&3gA-',
    '&2D0AYQ-',
    'é',
    'a\tb',
    '&AA/8-',
    '&Jjp-',
  ])('refuses %j', (encoded) => {
    expect(() => decodeUtf7(encoded)).toThrow(Utf7Error);
  });

  it('brings any name back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const encoded = encodeUtf7(name);
        expect(encoded).toMatch(/^[\x20-\x7e]*$/);
        expect(decodeUtf7(encoded)).toBe(name);
      }),
    );
  });

  it('has one encoding for each name', () => {
    const encoded = fc.string({
      unit: fc.constantFrom('&', '-', 'A', 'B', 'a', 'J', 'j', 'o', 'p', 'g', ',', '+', '2', 'D'),
    });
    fc.assert(
      fc.property(encoded, (text) => {
        let name: string;
        try {
          name = decodeUtf7(text);
        } catch (error) {
          expect(error).toBeInstanceOf(Utf7Error);
          return;
        }
        expect(encodeUtf7(name)).toBe(text);
      }),
      { numRuns: 3000 },
    );
  });
});
