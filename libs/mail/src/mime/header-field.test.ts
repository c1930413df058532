import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeaderFilter, headerFields, headerValues, unfold } from './header-field.ts';

const HEADER = Buffer.from(
  'Subject: a\r\n b\r\nTo : x\nno colon\r\nX-Raw: \xe9\r\n\tmore\r\nsubject: two\r\n\r\nbody: no\r\n',
  'latin1',
);

describe('header fields', () => {
  it('are found with their folds and offsets, up to the blank line', () => {
    const found = [...headerFields(HEADER)].map(({ name, valueStart, end }) => [
      name,
      HEADER.toString('latin1', valueStart, end),
    ]);
    expect(found).toEqual([
      ['Subject', ' a\r\n b\r\n'],
      ['To', ' x\n'],
      ['no colon', '\r\n'],
      ['X-Raw', ' \xe9\r\n\tmore\r\n'],
      ['subject', ' two\r\n'],
    ]);
  });

  it('are read by name in any case', () => {
    expect(headerValues(HEADER, 'SUBJECT')).toEqual(['a b', 'two']);
    expect(headerValues(HEADER, 'body')).toEqual([]);
  });

  it('are selected byte for byte, in their order', () => {
    expect(new HeaderFilter(['x-raw', 'SUBJECT']).select(HEADER).toString('latin1')).toBe(
      'Subject: a\r\n b\r\nX-Raw: \xe9\r\n\tmore\r\nsubject: two\r\n\r\n',
    );
    expect(new HeaderFilter(['x-raw', 'SUBJECT'], true).select(HEADER).toString('latin1')).toBe(
      'To : x\nno colon\r\n\r\n',
    );
    expect(new HeaderFilter(['none']).select(HEADER).toString()).toBe('\r\n');
    expect(new HeaderFilter(['to']).select(Buffer.from('To: x')).toString()).toBe('To: x\r\n\r\n');
  });

  it('fill the header without a gap, whatever the bytes', () => {
    const soup = fc
      .array(fc.constantFrom('a', ':', ' ', '\t', '\r', '\n', 'Name: v\r\n', ' x\n'))
      .map((all) => all.join(''));
    fc.assert(
      fc.property(soup, (text) => {
        let before = 0;
        for (const field of headerFields(Buffer.from(text))) {
          expect(field.start).toBe(before);
          expect(field.valueStart).toBeGreaterThanOrEqual(field.start);
          expect(field.end).toBeGreaterThanOrEqual(field.valueStart);
          before = field.end;
        }
        expect(/^(\r?\n|$)/.test(text.slice(before))).toBe(true);
      }),
    );
  });

  it('unfold to one line, and keep bytes that other charsets would trim', () => {
    expect(unfold(' a\r\n\tb\n c \r\n')).toBe('a\tb c');
    expect(unfold(' \xa0x\xa0\r\n')).toBe('\xa0x\xa0');
  });
});
