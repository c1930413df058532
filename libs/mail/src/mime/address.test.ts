import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAddressList } from './address.ts';

/** Each address as `name|adl|mailbox|host`, `-` for undefined. */
function read(text: string): string[] {
  return parseAddressList(text).map(({ name, adl, mailbox, host }) =>
    [name, adl, mailbox, host].map((part) => part ?? '-').join('|'),
  );
}

describe('an address list', () => {
  it.each([
    ['a@b', ['-|-|a|b']],
    ['A B <a@b>, c@d (Comment (nested) \\) x)', ['A B|-|a|b', 'Comment (nested) ) x|-|c|d']],
    ['"Doe, John" <j.d@x.org>', ['Doe, John|-|j.d|x.org']],
    ['"q\\"x" <"l p"@h>', ['q"x|-|l p|h']],
    ['J. R. Doe <jr@x>', ['J. R. Doe|-|jr|x']],
    ['=?utf-8?q?F_B?= <q@w>', ['=?utf-8?q?F_B?=|-|q|w']],
    ['Caf\xe9 <a@b>', ['Caf\xe9|-|a|b']],
    ['<@r1,@r2:u@h>', ['-|@r1,@r2|u|h']],
    ['a . b @ c . d', ['-|-|a.b|c.d']],
    ['x@[1.2.3.4]', ['-|-|x|[1.2.3.4]']],
    ['Group: a@b, C <c@d>; e@f', ['-|-|Group|-', '-|-|a|b', 'C|-|c|d', '-|-|-|-', '-|-|e|f']],
    ['undisclosed-recipients:;', ['-|-|undisclosed-recipients|-', '-|-|-|-']],
    ['Open: a@b', ['-|-|Open|-', '-|-|a|b', '-|-|-|-']],
    ['bare', ['-|-|bare|']],
    ['two words', ['two words|-||']],
    ['<>', ['-|-||']],
    ['broken <a@b, c@d', ['broken|-|a|b', '-|-|c|d']],
    ['a@b c@d, e@f', ['-|-|a|b', '-|-|e|f']],
    ['"unterminated <a@b>', ['unterminated <a@b>|-||']],
    [', ,a@b,,', ['-|-|a|b']],
    ['', []],
  ])('%s', (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  it('keeps a bounded number of addresses', () => {
    expect(parseAddressList('a,'.repeat(20_000))).toHaveLength(10_000);
  });

  it('ends for any text', () => {
    const soup = fc.array(fc.constantFrom('a', ' ', '.', ',', ';', ':', '<', '>', '@', '"', '(', ')', '\\', '[', ']'));
    fc.assert(fc.property(soup, (all) => parseAddressList(all.join('')).length <= all.length + 2));
  });

  it.each(['(', '<', '"', '\\', '[', '@', 'a@', 'a:', '<@', '("', '<a@b '])('is linear in %s', (piece) => {
    parseAddressList(piece.repeat(300_000));
  });
});
