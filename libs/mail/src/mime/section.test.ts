import { describe, expect, it } from 'vitest';
import type { Section } from '../imap/fetch-item.ts';
import { HeaderFilter } from './header-field.ts';
import { crlf } from './mail.test-support.ts';
import { parseMessage } from './message-parser.ts';
import { resolveSection } from './section.ts';

const NESTED = crlf(`Subject: outer
Content-Type: multipart/mixed; boundary=x

--x

one
--x
Content-Type: message/rfc822

Subject: inner
X-Other: y
Content-Type: multipart/alternative; boundary=y

--y

two one
--y
Content-Type: text/html

two two
--y--
--x
Content-Type: message/rfc822

Subject: plain inner

three
--x--
`);
const PLAIN = crlf('Subject: s\n\nbody\n');
const EMBEDDED = crlf('Content-Type: message/rfc822\n\nSubject: in\n\nbody\n');

/** Reads `1.2.HEADER` or `1.HEADER.FIELDS (a b)`. */
function parseSection(text: string): Section {
  const match = /^([\d.]*?)\.?(HEADER\.FIELDS\.NOT|HEADER\.FIELDS|HEADER|TEXT|MIME)?(?: \((.*)\))?$/.exec(text)!;
  return {
    part: match[1] === '' ? [] : match[1]!.split('.').map(Number),
    text: match[2] as Section['text'],
    fields: match[3]?.split(' ') ?? [],
  };
}

function fetch(message: Buffer, section: string): string | undefined {
  const { root } = parseMessage(message);
  const range = resolveSection({ offsets: root, root }, parseSection(section));
  if (range === undefined) return undefined;
  const bytes = message.subarray(range.start, range.end);
  const { filter } = range;
  return (filter === undefined ? bytes : new HeaderFilter(filter.fields, filter.not).select(bytes)).toString('latin1');
}

describe('a section', () => {
  it.each([
    ['1', 'one'],
    ['1.MIME', '\r\n'],
    ['2.MIME', 'Content-Type: message/rfc822\r\n\r\n'],
    ['2.1', 'two one'],
    ['2.2', 'two two'],
    ['2.2.MIME', 'Content-Type: text/html\r\n\r\n'],
    ['2.HEADER.FIELDS (subject)', 'Subject: inner\r\n\r\n'],
    ['2.HEADER.FIELDS.NOT (subject content-type)', 'X-Other: y\r\n\r\n'],
    ['3.HEADER', 'Subject: plain inner\r\n\r\n'],
    ['3.TEXT', 'three'],
    ['3.1', 'three'],
    ['3.1.MIME', 'Subject: plain inner\r\n\r\n'],
    ['3', 'Subject: plain inner\r\n\r\nthree'],
    ['HEADER', 'Subject: outer\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n'],
    ['HEADER.FIELDS (SUBJECT)', 'Subject: outer\r\n\r\n'],
  ])('%s of a nested message', (section, expected) => {
    expect(fetch(NESTED, section)).toBe(expected);
  });

  it.each(['4', '1.1', '1.HEADER', '1.TEXT', '2.3', '2.1.1', '3.2', '3.1.1', 'MIME', '0', '2.0'])(
    '%s is not in a nested message',
    (section) => {
      expect(fetch(NESTED, section)).toBeUndefined();
    },
  );

  it('names all of a message, and part 1 of one that is no multipart', () => {
    expect(fetch(PLAIN, '')).toBe('Subject: s\r\n\r\nbody\r\n');
    expect(fetch(PLAIN, '1')).toBe('body\r\n');
    expect(fetch(PLAIN, 'TEXT')).toBe('body\r\n');
    expect(fetch(PLAIN, '1.MIME')).toBe('Subject: s\r\n\r\n');
    expect(fetch(PLAIN, '2')).toBeUndefined();
    expect(fetch(PLAIN, '1.1')).toBeUndefined();
  });

  it('numbers a message that is nothing but another message', () => {
    expect(fetch(EMBEDDED, '1')).toBe('Subject: in\r\n\r\nbody\r\n');
    expect(fetch(EMBEDDED, '1.HEADER')).toBe('Subject: in\r\n\r\n');
    expect(fetch(EMBEDDED, '1.1')).toBe('body\r\n');
    expect(fetch(EMBEDDED, '1.1.1')).toBeUndefined();
  });
});
