import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HtmlText } from './html-text.ts';

function textOf(...pieces: string[]): string {
  const html = new HtmlText();
  return pieces.map((piece) => html.push(piece)).join('') + html.finish();
}

describe('the text of HTML', () => {
  it.each([
    ['<p>one</p><p>two</p>', 'one two '],
    ['b<b>ol</b>d<br>x', 'bold x'],
    ['a<!-- <b> hidden --> b', 'a b'],
    ['<style>p { x }</style>t<SCRIPT a="b">if (a < b) "</x>"</Script >u', 't u'],
    ['&lt;&amp;&auml;&#233;&#xE9;&nope;&', '<&äéé&nope;&'],
    ['hy&shy;phen&zwnj;', 'hyphen'],
    ['a \r\n\t b&nbsp;c', 'a b c'],
    ['1 < 2 <3', '1 < 2 <3'],
    ['<a href="x">link</a>', 'link'],
    ['<!DOCTYPE html><html>x', 'x'],
    ['&#0;&#xD800;&#x110000;', '\ufffd\ufffd\ufffd'],
    ['open <p', 'open '],
  ])('%s', (html, expected) => {
    expect(textOf(html)).toBe(expected);
  });

  it('is the same however it is cut', () => {
    const soup = fc.array(
      fc.constantFrom(
        '<',
        '>',
        '<p>',
        '</',
        '<!--',
        '-->',
        '-',
        '<script>',
        '</script>',
        '<style',
        '&',
        ';',
        '&amp;',
        ' ',
        'a',
        '"',
        '!',
        '#',
      ),
    );
    fc.assert(
      fc.property(soup, fc.nat(10), (pieces, size) => {
        const html = pieces.join('');
        const chunks = html.match(new RegExp(`[^]{1,${size + 1}}`, 'g')) ?? [];
        expect(textOf(...chunks)).toBe(textOf(html));
      }),
      { numRuns: 600 },
    );
  });

  it('is found in linear time', () => {
    for (const piece of ['<', '<!--', '&', '&a', '</', '<script>', '<a ', ' ']) {
      textOf(piece.repeat(200_000));
      textOf('<script>', piece.repeat(200_000));
    }
  });
});
