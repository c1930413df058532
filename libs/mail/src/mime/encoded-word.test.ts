import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHeaderText } from './encoded-word.ts';

describe('header text', () => {
  it.each([
    ['plain', 'plain'],
    ['=?utf-8?q?Caf=C3=A9_au_lait?=', 'Café au lait'],
    ['=?ISO-8859-1?B?Q2Fm6Q==?= x', 'Café x'],
    ['a =?utf-8?q?b?= c', 'a b c'],
    ['=?utf-8?q?a?= =?utf-8?q?b?=', 'ab'],
    ['=?utf-8?q?a?=\r\n =?iso-8859-1?q?=E9?=', 'aé'],
    ['=?utf-8?b?w6?= =?utf-8?q?x?=', '\ufffdx'],
    ['=?utf-8?q?=C3?= =?utf-8?q?=A9?=', 'é'],
    ['=?utf-8*en?q?x?=', 'x'],
    ['=?koi8-r?B?8NLJ18XU?=', 'Привет'],
    ['=?utf-8?q?with space?=', 'with space'],
    ['=?utf-8?x?a?=', '=?utf-8?x?a?='],
    ['=?utf-8?q?open', '=?utf-8?q?open'],
    ['=??q?a?=', '=??q?a?='],
    ['=?utf-8?q?a=ZZ?=', 'a=ZZ'],
    ['caf\xc3\xa9', 'café'],
    ['caf\xe9', 'café'],
    ['=?no-such?q?a=C3=A9?=', 'aé'],
  ])('%s', (value, expected) => {
    expect(decodeHeaderText(value)).toBe(expected);
  });

  it('is decoded from any bytes', () => {
    const soup = fc.array(fc.constantFrom('=?', '?=', '?', '=', 'q', 'B', 'utf-8', '?q?', '=C3', ' ', '\xe9', 'a'));
    fc.assert(fc.property(soup, (all) => typeof decodeHeaderText(all.join('')) === 'string'));
    for (const piece of ['=?', '=?a?q?', '=?a?q?x?= ', '?=']) decodeHeaderText(piece.repeat(100_000));
  });
});
