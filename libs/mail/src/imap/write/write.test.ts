import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyEnvelope } from '../../mime/envelope.ts';
import { StoredStructure } from '../../mime/structure-reader.ts';
import { encodeStructure } from '../../mime/structure-writer.ts';
import type { Envelope, MimePart } from '../../mime/types.ts';
import * as bodyStructure from './body-structure.ts';
import { ByteWriter } from './byte-writer.ts';
import * as stored from './envelope.ts';
import { writeFetchName, writeFlags, writeInternalDate, writeLiteralHeader } from './fetch.ts';
import { writeList, writeMailbox, writeNamespace, writeStatus } from './mailbox.ts';
import {
  appendUidCode,
  copyUidCode,
  modifiedCode,
  writeCondition,
  writeContinuation,
  writeId,
  writeVanished,
} from './response.ts';
import { writeEsearch, writeSearch } from './search.ts';

const written = (write: (writer: ByteWriter) => void, encoding: 'latin1' | 'utf8' = 'latin1') => {
  const writer = new ByteWriter(1);
  write(writer);
  return writer.take().toString(encoding);
};

/** The wire is written from what is stored, so each envelope and part is stored first. */
const writeEnvelope = (writer: ByteWriter, value: Envelope) => {
  const root = part({});
  const cursor = new StoredStructure(encodeStructure({ size: 0, envelope: value, root })).envelope();
  stored.writeEnvelope(writer, cursor);
  expect(cursor.at).toBe(cursor.end);
};
const writeBodyStructure = (writer: ByteWriter, root: MimePart, extended: boolean) => {
  const message = { size: 0, envelope: emptyEnvelope(), root: placed(root, 0) };
  const cursor = new StoredStructure(encodeStructure(message)).parts();
  bodyStructure.writeBodyStructure(writer, cursor, extended);
  expect(cursor.at).toBe(cursor.end);
};

/** Offsets as a message could have them: what is stored are distances. */
const placed = (given: MimePart, start: number): MimePart => {
  const bodyStart = start + 100;
  let at = bodyStart;
  const parts = given.parts.map((child) => {
    const next = placed(child, at);
    at = next.bodyEnd;
    return next;
  });
  const { message } = given;
  return {
    ...given,
    headerStart: start,
    bodyStart,
    bodyEnd: bodyStart + given.bodyEnd - given.bodyStart,
    parts,
    message: message && { envelope: message.envelope, root: placed(message.root, bodyStart) },
  };
};

const part = (fields: Partial<MimePart>): MimePart => ({
  type: 'text',
  subtype: 'plain',
  params: [],
  id: undefined,
  description: undefined,
  encoding: '7bit',
  md5: undefined,
  disposition: undefined,
  language: [],
  location: undefined,
  headerStart: 0,
  bodyStart: 100,
  bodyEnd: 150,
  lines: 3,
  parts: [],
  message: undefined,
  ...fields,
});

const envelope: Envelope = {
  date: 'Mon, 7 Feb 1994 21:52:25 -0800',
  subject: 'a "b" \\ c',
  from: [{ name: 'Terry Gray', adl: undefined, mailbox: 'gray', host: 'cac.washington.edu' }],
  sender: [],
  replyTo: [],
  to: [
    { name: undefined, adl: undefined, mailbox: 'group', host: undefined },
    { name: undefined, adl: undefined, mailbox: undefined, host: undefined },
  ],
  cc: [],
  bcc: [],
  inReplyTo: undefined,
  messageId: '<B27397@x>',
};

describe('ByteWriter', () => {
  it.each([
    ['INBOX', 'INBOX'],
    ['a]b', 'a]b'],
    ['', '""'],
    ['nil', '"nil"'],
    ['a b', '"a b"'],
    ['a"\\', '"a\\"\\\\"'],
    ['a%', '"a%"'],
    ['x\r\ny', '{4}\r\nx\r\ny'],
    ['\xe9', '{1}\r\n\xe9'],
    ['\0', '{1}\r\n?'],
  ])('writes the astring %j as %j', (text, wire) => {
    expect(written((writer) => writer.astring(text))).toBe(wire);
  });

  it('sends long strings as literals', () => {
    expect(written((writer) => writer.string('x'.repeat(5000)))).toBe(`{5000}\r\n${'x'.repeat(5000)}`);
  });

  it('writes strings of octets as it does strings of text', () => {
    const chars = fc.constantFrom('a', ' ', '"', '\\', '\0', '\r', '\n', '\xe9', 'some longer text ');
    const texts = fc.oneof(
      fc.array(chars, { maxLength: 40 }).map((each) => each.join('')),
      fc.integer({ min: 4090, max: 4100 }).map((count) => 'x'.repeat(count)),
    );
    fc.assert(
      fc.property(texts, fc.nat(3), (text, before) => {
        const octets = Buffer.from(`${'-'.repeat(before)}${text}-`, 'latin1');
        const wire = written((writer) => writer.stringOf(octets, before, before + text.length));
        const quotable = text.length <= 4096 && /^[\x01-\x09\x0b\x0c\x0e-\x7f]*$/.test(text);
        expect(wire).toBe(
          quotable ? `"${text.replaceAll(/["\\]/g, '\\$&')}"` : `{${text.length}}\r\n${text.replaceAll('\0', '?')}`,
        );
        expect(written((writer) => writer.string(text))).toBe(wire);
      }),
    );
  });

  it('writes the numbers of a range, however many', () => {
    const numbers = Array.from({ length: 1000 }, (_, i) => 9500 + i);
    expect(written((writer) => writeSearch(writer, [3, 3, 9500, 10_499]))).toBe(`* SEARCH 3 ${numbers.join(' ')}\r\n`);
  });

  it('takes back what was written too much', () => {
    expect(written((writer) => writer.raw('abc').truncate(1).nil())).toBe('aNIL');
  });

  it('can be used again', () => {
    const writer = new ByteWriter(4);
    const first = writer.raw('hello').nstring(undefined).take();
    expect(writer.length).toBe(0);
    writer.number(42).utf8('é');
    expect(first.toString()).toBe('helloNIL');
    expect(writer.view().toString()).toBe('42é');
    expect(writer.reset().byte(0x61).octets(Buffer.from('b')).view().toString()).toBe('ab');
  });
});

describe('ENVELOPE and BODYSTRUCTURE', () => {
  it('writes an envelope', () => {
    expect(written((writer) => writeEnvelope(writer, envelope))).toBe(
      '("Mon, 7 Feb 1994 21:52:25 -0800" "a \\"b\\" \\\\ c" (("Terry Gray" NIL "gray" "cac.washington.edu")) NIL NIL' +
        ' ((NIL NIL "group" NIL)(NIL NIL NIL NIL)) NIL NIL NIL "<B27397@x>")',
    );
  });

  it('writes a text part', () => {
    const text = part({ params: [['charset', 'us-ascii']], encoding: '' });
    expect(written((writer) => writeBodyStructure(writer, text, false))).toBe(
      '("text" "plain" ("charset" "us-ascii") NIL NIL "7BIT" 50 3)',
    );
    expect(written((writer) => writeBodyStructure(writer, { ...text, language: ['en', 'de'], md5: 'x' }, true))).toBe(
      '("text" "plain" ("charset" "us-ascii") NIL NIL "7BIT" 50 3 "x" NIL ("en" "de") NIL)',
    );
  });

  it('writes a multipart with an attachment and a message', () => {
    const mixed = part({
      type: 'multipart',
      subtype: 'mixed',
      params: [['boundary', 'b']],
      parts: [
        part({
          type: 'image',
          subtype: 'png',
          id: '<i>',
          encoding: 'base64',
          disposition: { type: 'attachment', params: [['filename', 'a b.png']] },
          language: ['en'],
          location: 'http://x/',
        }),
        part({ type: 'message', subtype: 'rfc822', message: { envelope, root: part({}) } }),
      ],
    });
    const env = written((writer) => writeEnvelope(writer, envelope));
    expect(written((writer) => writeBodyStructure(writer, mixed, true))).toBe(
      '(("image" "png" NIL "<i>" NIL "base64" 50 NIL ("attachment" ("filename" "a b.png")) "en" "http://x/")' +
        `("message" "rfc822" NIL NIL NIL "7bit" 50 ${env} ("text" "plain" NIL NIL NIL "7bit" 50 3 NIL NIL NIL NIL) 3` +
        ' NIL NIL NIL NIL) "mixed" ("boundary" "b") NIL NIL NIL)',
    );
  });

  it('keeps to the grammar where the message does not', () => {
    const empty = part({ type: 'Multipart', subtype: 'mixed' });
    expect(written((writer) => writeBodyStructure(writer, empty, false))).toBe(
      '(("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 0 0) "mixed")',
    );
    const broken = part({ type: 'message', subtype: 'rfc822' });
    expect(written((writer) => writeBodyStructure(writer, broken, false))).toBe(
      '("message" "rfc822" NIL NIL NIL "7bit" 50 (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)' +
        ' ("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 0 0) 3)',
    );
  });
});

describe('responses', () => {
  it('names mailboxes in the session’s encoding', () => {
    expect(written((writer) => writeMailbox(writer, 'Entwürfe', false))).toBe('Entw&APw-rfe');
    expect(written((writer) => writeMailbox(writer, 'Entwürfe "1"', true), 'utf8')).toBe('"Entwürfe \\"1\\""');
    expect(written((writer) => writeMailbox(writer, 'Q&A', true))).toBe('Q&A');
  });

  it('writes LIST, STATUS and NAMESPACE', () => {
    expect(
      written((writer) => writeList(writer, { name: 'a b', attributes: ['\\HasNoChildren', '\\Sent'] }, false)),
    ).toBe('* LIST (\\HasNoChildren \\Sent) "/" "a b"\r\n');
    const moved = { name: 'x', attributes: [], childInfo: ['SUBSCRIBED'], oldName: 'y' };
    expect(written((writer) => writeList(writer, moved, false))).toBe(
      '* LIST () "/" x ("CHILDINFO" ("SUBSCRIBED") "OLDNAME" (y))\r\n',
    );
    expect(
      written((writer) =>
        writeStatus(
          writer,
          'x',
          [
            ['MESSAGES', 3],
            ['APPENDLIMIT', undefined],
          ],
          false,
        ),
      ),
    ).toBe('* STATUS x (MESSAGES 3 APPENDLIMIT NIL)\r\n');
    expect(written(writeNamespace)).toBe('* NAMESPACE (("" "/")) NIL NIL\r\n');
  });

  it('writes SEARCH and ESEARCH', () => {
    expect(written((writer) => writeSearch(writer, [2, 3, 6, 6], 917))).toBe('* SEARCH 2 3 6 (MODSEQ 917)\r\n');
    expect(written((writer) => writeSearch(writer, []))).toBe('* SEARCH\r\n');
    expect(
      written((writer) => writeEsearch(writer, 'A]1', true, { min: 1, count: 3, all: [1, 2, 5, 5], modSeq: 9 })),
    ).toBe('* ESEARCH (TAG "A]1") UID MIN 1 COUNT 3 ALL 1:2,5 MODSEQ 9\r\n');
    expect(written((writer) => writeEsearch(writer, 'A1', false, { all: [] }))).toBe('* ESEARCH (TAG "A1")\r\n');
  });

  it('names fetched sections without PEEK and length', () => {
    const section = { part: [1, 2], text: 'HEADER.FIELDS' as const, fields: ['Date', 'a b'] };
    expect(
      written((writer) =>
        writeFetchName(writer, { type: 'BODY[]', peek: true, section, partial: { offset: 5, length: 9 } }),
      ),
    ).toBe('BODY[1.2.HEADER.FIELDS (Date "a b")]<5>');
    const whole = { part: [], text: undefined, fields: [] };
    expect(
      written((writer) => writeFetchName(writer, { type: 'BODY[]', peek: false, section: whole, partial: undefined })),
    ).toBe('BODY[]');
    expect(written((writer) => writeFetchName(writer, { type: 'BINARY.SIZE[]', part: [2] }))).toBe('BINARY.SIZE[2]');
    expect(written((writer) => writeLiteralHeader(writer, 5, true))).toBe('~{5}\r\n');
    expect(written((writer) => writeInternalDate(writer, 0))).toBe('" 1-Jan-1970 00:00:00 +0000"');
    expect(written((writer) => writeFlags(writer, ['\\Seen', 'x']))).toBe('(\\Seen x)');
  });

  it('writes conditions and codes', () => {
    expect(written((writer) => writeCondition(writer, 'A1', 'OK', 'done', 'READ-WRITE'))).toBe(
      'A1 OK [READ-WRITE] done\r\n',
    );
    expect(written((writer) => writeCondition(writer, '*', 'BYE', 'é\r\n'))).toBe('* BYE ???\r\n');
    expect(written((writer) => writeContinuation(writer, 'idling'))).toBe('+ idling\r\n');
    expect(written((writer) => writeVanished(writer, [41, 41, 43, 116], true))).toBe(
      '* VANISHED (EARLIER) 41,43:116\r\n',
    );
    expect(
      written((writer) =>
        writeId(writer, [
          ['name', 'Stoa'],
          ['x', undefined],
        ]),
      ),
    ).toBe('* ID ("name" "Stoa" "x" NIL)\r\n');
    expect(written((writer) => writeId(writer, []))).toBe('* ID NIL\r\n');
    expect(appendUidCode(5, 7)).toBe('APPENDUID 5 7');
    expect(copyUidCode(5, [1, 2, 9], [3, 4, 5])).toBe('COPYUID 5 1:2,9 3:5');
    expect(modifiedCode([7, 7, 9, 9])).toBe('MODIFIED 7,9');
  });
});
