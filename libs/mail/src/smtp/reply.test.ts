import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ehloReply, ehloSizeLimit, parseEhloReply } from './ehlo.ts';
import { ENHANCED_STATUS } from './enhanced-status.ts';
import { formatReply, type SmtpReply, smtpReply } from './reply.ts';
import { SmtpReplyParser } from './reply-parser.ts';
import { cuts, soup, split } from './splits.test-support.ts';
import { SmtpSyntaxError } from './syntax-error.ts';

/** All replies up to the end or the first failure. */
function read(chunks: readonly Buffer[]): (SmtpReply | string)[] {
  const parser = new SmtpReplyParser({ line: 600, lines: 20 });
  const seen: (SmtpReply | string)[] = [];
  for (const chunk of chunks) {
    parser.push(chunk);
    try {
      for (let reply = parser.next(); reply !== undefined; reply = parser.next()) seen.push(reply);
    } catch (error) {
      if (!(error instanceof SmtpSyntaxError)) throw error;
      expect(parser.buffered).toBe(0);
      return [...seen, `${error.replyCode} ${error.message}`];
    }
  }
  return seen;
}

const readText = (text: string) => read([Buffer.from(text, 'latin1')]);

describe('formatReply', () => {
  it.each<[SmtpReply, string]>([
    [{ code: 250, lines: [''] }, '250\r\n'],
    [{ code: 250, lines: [] }, '250\r\n'],
    [smtpReply(250, '2.1.0', 'Ok'), '250 2.1.0 Ok\r\n'],
    [smtpReply(550, '5.1.1', 'No\nsuch'), '550-5.1.1 No\r\n550 5.1.1 such\r\n'],
    [smtpReply(354, undefined, 'Go on'), '354 Go on\r\n'],
    [{ code: 250, lines: ['a\r\n221 b', 'ö漢\u{1F600}'] }, '250-a  221 b\r\n250 ???\r\n'],
  ])('writes %j', (reply, text) => {
    expect(formatReply(reply)).toBe(text);
  });

  it('keeps UTF-8 where the client asked for it', () => {
    expect(formatReply({ code: 250, lines: ['ö漢\u0085'] }, { utf8: true })).toBe('250 ö漢 \r\n');
  });

  it('refuses codes that are none or do not fit', () => {
    expect(() => formatReply({ code: 99, lines: [] })).toThrow(RangeError);
    expect(() => formatReply({ code: 450, enhanced: '5.0.0', lines: [] })).toThrow(RangeError);
  });

  it('breaks long lines, loses no word, splits no character', () => {
    const words = 'wörd '.repeat(400).trim();
    const text = formatReply({ code: 250, enhanced: '2.0.0', lines: [words, 'x'.repeat(1500)] }, { utf8: true });
    const lines = text.split('\r\n').slice(0, -1);
    for (const line of lines) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(510);
    const content = lines.map((line) => line.slice(10));
    expect(content.slice(0, -3).join(' ')).toBe(words);
    expect(content.slice(-3).join('')).toBe('x'.repeat(1500));
  });
});

describe('ENHANCED_STATUS', () => {
  it('holds codes of RFC 3463 alone', () => {
    for (const code of Object.values(ENHANCED_STATUS)) expect(code).toMatch(/^[245]\.\d{1,3}\.\d{1,3}$/);
  });
});

describe('SmtpReplyParser', () => {
  it('reads replies, also with bare LF and without text', () => {
    expect(readText('250\r\n250-a\n250 b\r\n220 x\r\n')).toEqual([
      { code: 250, lines: [''] },
      { code: 250, lines: ['a', 'b'] },
      { code: 220, lines: ['x'] },
    ]);
  });

  it('takes enhanced codes of the same class off the lines', () => {
    expect(readText('550-5.1.1 a\r\n550-5.1.1\r\n550 b\r\n')).toEqual([
      { code: 550, enhanced: '5.1.1', lines: ['a', '', 'b'] },
    ]);
    expect(readText('550 4.1.1 a\r\n')).toEqual([{ code: 550, lines: ['4.1.1 a'] }]);
    expect(readText('250 2.0.0.1 a\r\n')).toEqual([{ code: 250, lines: ['2.0.0.1 a'] }]);
  });

  it.each([
    ['hello\r\n', 'malformed line'],
    ['\r\n', 'malformed line'],
    ['25\r\n', 'malformed line'],
    ['250a\r\n', 'malformed line'],
    ['150 a\r\n', 'malformed line'],
    ['250-a\r\n251 b\r\n', 'two codes in one reply'],
    ['250-a\r\n'.repeat(21), 'too many lines'],
    ['2'.repeat(600), 'line too long'],
    [`250 ${'a'.repeat(595)}\r\n`, 'line too long'],
  ])('fails on %j', (text, reason) => {
    expect(readText(`220 x\r\n${text}`)).toEqual([
      { code: 220, lines: ['x'] },
      `451 Bad reply from the server: ${reason}`,
    ]);
  });

  it('stays failed', () => {
    const parser = new SmtpReplyParser();
    parser.push(Buffer.from('x\r\n'));
    expect(() => parser.next()).toThrow(SmtpSyntaxError);
    parser.push(Buffer.from('220 x\r\n'));
    expect(() => parser.next()).toThrow(SmtpSyntaxError);
    expect(parser.buffered).toBe(0);
  });

  it('sees the same however the octets are cut, and fails in one way only', () => {
    const text = soup(
      '250',
      '250-',
      '250 ',
      '550-5.1.1 x',
      '\r\n',
      '\r\n',
      '\n',
      'a',
      '\r',
      '251 ',
      '\xff',
      'x'.repeat(300),
    );
    fc.assert(
      fc.property(text, cuts, (input, lengths) => {
        const bytes = Buffer.from(input, 'latin1');
        expect(read(split(bytes, lengths))).toEqual(read([bytes]));
      }),
      { numRuns: 1000 },
    );
  });

  it('reads back what formatReply wrote', () => {
    const line = fc
      .string({ maxLength: 60, unit: fc.constantFrom(...'abc 019.-ö漢') })
      .filter((text) => !/^[245]\./.test(text));
    const reply = fc
      .record({
        code: fc.integer({ min: 2, max: 5 }),
        enhanced: fc.boolean(),
        lines: fc.array(line, { minLength: 1, maxLength: 9 }),
      })
      .map(({ code, enhanced, lines }) =>
        enhanced && code !== 3
          ? { code: code * 100 + 50, enhanced: `${code}.1.7`, lines }
          : { code: code * 100 + 50, lines },
      );
    fc.assert(
      fc.property(reply, cuts, (value, lengths) => {
        expect(read(split(Buffer.from(formatReply(value as SmtpReply, { utf8: true })), lengths))).toEqual([value]);
      }),
    );
  });
});

describe('EHLO replies', () => {
  it('are written and read', () => {
    const reply = ehloReply('mail.example.test', 'hello', [
      { keyword: 'PIPELINING' },
      { keyword: 'SIZE', parameters: ['1000'] },
      { keyword: 'AUTH', parameters: ['PLAIN', 'LOGIN'] },
    ]);
    expect(formatReply(reply)).toBe(
      '250-mail.example.test hello\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250 AUTH PLAIN LOGIN\r\n',
    );
    const capabilities = parseEhloReply(reply);
    expect(capabilities).toMatchObject({ domain: 'mail.example.test', greeting: 'hello' });
    expect([...capabilities.keywords]).toEqual([
      ['PIPELINING', []],
      ['SIZE', ['1000']],
      ['AUTH', ['PLAIN', 'LOGIN']],
    ]);
    expect(ehloSizeLimit(capabilities)).toBe(1000);
  });

  it('are read with the faults that old servers have', () => {
    const { keywords, domain } = parseEhloReply({
      code: 250,
      lines: ['host', 'size 0', '8bitmime ', 'AUTH=LOGIN', 'AUTH PLAIN LOGIN', '*junk', ''],
    });
    expect(domain).toBe('host');
    expect([...keywords.keys()]).toEqual(['SIZE', '8BITMIME', 'AUTH']);
    expect(keywords.get('AUTH')).toEqual(['LOGIN', 'PLAIN']);
    expect(ehloSizeLimit({ domain, greeting: '', keywords })).toBeUndefined();
  });

  it('cannot be forged by a keyword', () => {
    expect(() => ehloReply('a', '', [{ keyword: 'X\r\n250 Y' }])).toThrow(RangeError);
    expect(() => ehloReply('a', '', [{ keyword: 'X', parameters: ['a b'] }])).toThrow(RangeError);
  });
});
