import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyMail, crlf, cut, cutSizes, everyPart } from './mail.test-support.ts';
import { MessageParser, type ParserLimits, parseMessage } from './message-parser.ts';
import { ORACLE } from './oracle.test-support.ts';
import { envelopeText, structureText } from './structure-text.test-support.ts';

function parseChunks(chunks: readonly Uint8Array[], limits?: Partial<ParserLimits>) {
  const parser = new MessageParser(limits);
  for (const chunk of chunks) {
    parser.push(chunk);
    chunk.fill(0x2d);
  }
  return parser.finish();
}

function multipart(boundary: string, body: string): Buffer {
  return crlf(`Content-Type: multipart/mixed; boundary=${boundary}\n\n${body}`);
}

describe('the structure of a message', () => {
  it.each(ORACLE)('agrees with Dovecot on $name', ({ message, envelope, structure }) => {
    const parsed = parseMessage(crlf(message));
    expect(envelopeText(parsed.envelope)).toBe(envelope);
    expect(structureText(parsed.root).toLowerCase()).toBe(structure);
  });

  it('gives offsets that cut the parts out of the message', () => {
    const message = multipart('x', 'pre\n--x\nContent-Type: text/html\n\n<p>\n--x\n\ntwo\nlines\n--x--\nepilogue\n');
    const { root, size } = parseMessage(message);
    const [html, plain] = root.parts;
    expect(message.toString('latin1', html!.headerStart, html!.bodyStart)).toBe('Content-Type: text/html\r\n\r\n');
    expect(message.toString('latin1', html!.bodyStart, html!.bodyEnd)).toBe('<p>');
    expect(message.toString('latin1', plain!.bodyStart, plain!.bodyEnd)).toBe('two\r\nlines');
    expect(plain!.lines).toBe(1);
    expect(message.toString('latin1', root.bodyEnd - 10)).toBe('epilogue\r\n');
    expect(size).toBe(message.length);
  });

  it('takes bare LF as a line ending', () => {
    const { root } = parseMessage(
      Buffer.from('Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nhello\nx\n--b--\n'),
    );
    expect(structureText(root.parts[0]!)).toContain('"7bit" 7 1');
  });

  it.each(['text', ';x', 'image/', '"text/html"; a=b', ''])('takes Content-Type `%s` for text/plain', (value) => {
    const { root } = parseMessage(crlf(`Content-Type: ${value}\n\nhello\n`));
    expect(structureText(root)).toBe('"text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 7 1 NIL NIL NIL NIL');
  });

  it('does not look into an encoded message', () => {
    const { root } = parseMessage(
      crlf('Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogaW4NCg0K\n'),
    );
    expect(root).toMatchObject({
      type: 'message',
      subtype: 'rfc822',
      encoding: 'base64',
      message: undefined,
      lines: 1,
    });
  });

  it('reads every field of a part', () => {
    const { root } = parseMessage(
      crlf(
        'Content-Type: image/png; name="a b.png"\nContent-Disposition: ATTACHMENT; filename*0=a; filename*1="b c"\n' +
          'Content-ID: <id@x> \nContent-Description: some\n folded\nContent-MD5: abc==\nContent-Language: en, de\n' +
          'Content-Location: http://x/\n y\nContent-Transfer-Encoding: BASE64 (c)\n\nAAAA\n',
      ),
    );
    expect(root).toMatchObject({
      params: [['name', 'a b.png']],
      disposition: { type: 'attachment', params: [['filename', 'ab c']] },
      id: '<id@x>',
      description: 'some folded',
      md5: 'abc==',
      language: ['en', 'de'],
      location: 'http://x/ y',
      encoding: 'base64',
    });
  });

  it('keeps 8-bit header bytes, and makes NUL and bare CR safe for IMAP', () => {
    const { envelope } = parseMessage(Buffer.from('Subject: caf\xe9 a\0b c\rd\r\n\r\n', 'latin1'));
    expect(envelope.subject).toBe('caf\xe9 a\xef\xbf\xbdb c d');
  });
});

describe('limits', () => {
  it('reads no field beyond the header limit, and still finds the body', () => {
    const message = crlf(`Subject: x\nX-Filler: ${'y'.repeat(500)}\nFrom: a@b\n\nbody\n`);
    for (const chunks of [[message], cut(message, [7])]) {
      const { envelope, root } = parseChunks(chunks, { headerBytes: 100 });
      expect(envelope).toMatchObject({ subject: 'x', from: [] });
      expect(root.bodyStart).toBe(message.length - 'body\r\n'.length);
    }
  });

  it('takes all that follows for the last part once there are enough', () => {
    const message = multipart('x', '--x\n\none\n--x\n\ntwo\n--x\n\nthree\n--x--\n');
    const { root } = parseMessage(message, { parts: 3 });
    expect(root.parts).toHaveLength(2);
    expect(root.parts[1]!.bodyEnd).toBe(message.length);
  });

  it('looks no deeper than the limit', () => {
    const text = 'Content-Type: message/rfc822\n\n'.repeat(300);
    let part = parseMessage(crlf(text)).root;
    let depth = 1;
    while (part.message !== undefined) {
      part = part.message.root;
      depth++;
    }
    expect(depth).toBe(100);
    expect(part).toMatchObject({ type: 'message', bodyEnd: text.length + 300 * 2 });
  });
});

describe('any bytes', () => {
  it('give the same structure however they are cut', () => {
    fc.assert(
      fc.property(anyMail, cutSizes, (message, sizes) => {
        expect(parseChunks(cut(message, sizes))).toEqual(parseMessage(message));
      }),
      { numRuns: 600 },
    );
  });

  it('give the same structure within small limits however they are cut', () => {
    const limits = { headerBytes: 60, totalHeaderBytes: 150, parts: 4, depth: 3 };
    fc.assert(
      fc.property(anyMail, cutSizes, (message, sizes) => {
        expect(parseChunks(cut(message, sizes), limits)).toEqual(parseMessage(message, limits));
      }),
      { numRuns: 300 },
    );
  });

  it('give parts that lie within the message, within their holder and behind each other', () => {
    fc.assert(
      fc.property(anyMail, (message) => {
        const { root, size } = parseMessage(message);
        expect([root.headerStart, root.bodyEnd, size]).toEqual([0, message.length, message.length]);
        for (const [part, holder] of everyPart(root)) {
          expect(part.headerStart).toBeLessThanOrEqual(part.bodyStart);
          expect(part.bodyStart).toBeLessThanOrEqual(part.bodyEnd);
          if (holder !== undefined) {
            expect(part.headerStart).toBeGreaterThanOrEqual(holder.bodyStart);
            expect(part.bodyEnd).toBeLessThanOrEqual(holder.bodyEnd);
          }
          let before = part.bodyStart;
          for (const child of part.parts) {
            expect(child.headerStart).toBeGreaterThanOrEqual(before);
            before = child.bodyEnd;
          }
          if (part.type === 'multipart') expect(part.parts.length).toBeGreaterThan(0);
          if (part.type === 'text' || part.message !== undefined) {
            const body = message.subarray(part.bodyStart, part.bodyEnd);
            expect(part.lines).toBe(body.toString('latin1').split('\n').length - 1);
          }
        }
      }),
      { numRuns: 600 },
    );
  });

  it('cost time in proportion to their number', () => {
    const boundary = 'b'.repeat(60);
    let nested = `Content-Type: multipart/mixed; boundary=${boundary}0\n\n`;
    for (let level = 0; level < 120; level++) {
      nested += `--${boundary}${level}\nContent-Type: multipart/mixed; boundary=${boundary}${level + 1}\n\n`;
    }
    const hostile = [
      nested + `--${boundary.slice(1)}\n`.repeat(20_000),
      `Content-Type: multipart/mixed; boundary=x\n\n${'--\n'.repeat(300_000)}`,
      `To: ${'<('.repeat(300_000)}\n\n`,
      `To: ${'"'.repeat(300_001)}\n\n`,
      `Content-Type: text/plain; ${'a*0='.repeat(200_000)}\n\n`,
      `Subject: ${' \n'.repeat(300_000)}\n\n`,
      `Content-Type: multipart/mixed; boundary=x\n\n${'--x\n'.repeat(300_000)}`,
    ];
    for (const text of hostile) parseMessage(Buffer.from(text));
  });
});
