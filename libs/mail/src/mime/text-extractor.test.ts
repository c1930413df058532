import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crlf, cut, cutSizes } from './mail.test-support.ts';
import { parseMessage } from './message-parser.ts';
import { extractText, TextExtractor, textRanges } from './text-extractor.ts';
import { TextSearch } from './text-search.ts';

const MESSAGE = crlf(`Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
Content-Type: multipart/mixed; boundary=x

preamble
--x
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Caf=E9 au l=
ait
--x
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: base64

PHA+S2zDtmRlPC9wPg==
--x
Content-Type: image/png

notext
--x
Content-Type: message/rfc822

Subject: inner

inner text
--x--
`);
const { root } = parseMessage(MESSAGE);

async function texts(chunks: readonly Uint8Array[], headers = false): Promise<string[]> {
  const byRange = new Map<object, string>();
  for await (const { range, text } of extractText(root, chunks, { headers })) {
    byRange.set(range, (byRange.get(range) ?? '') + text);
  }
  return [...byRange.values()];
}

describe('the text of a message', () => {
  it('is that of its text parts, decoded', async () => {
    expect(await texts([MESSAGE])).toEqual(['Café au lait', 'Klöde ', 'inner text']);
  });

  it('is that of its headers too where asked for', async () => {
    const found = await texts([MESSAGE], true);
    expect(found[0]).toBe('Subject: Grüße\nContent-Type: multipart/mixed; boundary=x\n');
    expect(found).toContain('Subject: inner\n');
    expect(found).toHaveLength(9);
  });

  it('is the same however the message is cut', async () => {
    const whole = await texts([MESSAGE], true);
    await fc.assert(
      fc.asyncProperty(cutSizes, async (sizes) => {
        expect(await texts(cut(MESSAGE, sizes), true)).toEqual(whole);
      }),
    );
  });

  it('is found from its ranges alone', () => {
    const extractor = new TextExtractor(root);
    const pieces = textRanges(root).flatMap(({ start, end }) => extractor.push(start, MESSAGE.subarray(start, end)));
    expect(pieces.map(({ text }) => text).join('|')).toBe('Café au lait|Klöde |inner text');
    expect(extractor.isDone).toBe(true);
  });

  it('ends with what there is of a message cut short', () => {
    const extractor = new TextExtractor(root);
    const [body] = textRanges(root);
    const pieces = extractor.push(0, MESSAGE.subarray(0, body!.start + 5));
    expect([...pieces, ...extractor.finish()].map(({ text }) => text).join('')).toBe('Caf=E');
  });
});

describe('a search in text', () => {
  async function search(needles: string[], chunks: readonly Uint8Array[]): Promise<boolean[]> {
    const found = new TextSearch(needles);
    for await (const piece of extractText(root, chunks)) found.push(piece);
    return needles.map((_, index) => found.found(index));
  }

  it('finds strings in any case, across pieces but not across parts', async () => {
    await fc.assert(
      fc.asyncProperty(cutSizes, async (sizes) => {
        const needles = ['CAFÉ AU LAIT', 'klöde', 'notext', 'laitkl', 'R T', ''];
        expect(await search(needles, cut(MESSAGE, sizes))).toEqual([true, true, false, false, true, true]);
      }),
    );
  });

  it('takes both forms of sigma for one letter', () => {
    const found = new TextSearch(['ΟΔΟΣ', 'οδοσ']);
    found.push({ range: textRanges(root)[0]!, text: 'οδος' });
    expect(found.isDone).toBe(true);
  });
});
