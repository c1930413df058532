import fc from 'fast-check';
import { ORACLE } from './oracle.test-support.ts';
import type { MimePart } from './types.ts';

/** Bytes of a message written with LF. */
export function crlf(text: string): Buffer {
  return Buffer.from(text.replaceAll('\n', '\r\n'), 'latin1');
}

const PIECES = [
  '\n',
  '\r\n',
  '\r',
  '\n--a',
  '\n--a--',
  '\n--ab\r\n',
  '\n--b\r\n',
  '--',
  '-',
  'Content-Type: multipart/mixed; boundary=a\r\n',
  'Content-Type: multipart/digest; boundary="ab"\n',
  'Content-Type: multipart/alternative;\r\n boundary=b\r\n\r\n',
  'Content-Type: message/rfc822\r\n\r\n',
  'Content-Type: text/html\r\n',
  'Content-Transfer-Encoding: base64\r\n',
  'Subject: =?utf-8?q?x?=\r\n',
  'From: "a" <b@c>, g: d@e;\r\n',
  'text ',
  '\0',
  '\xe9',
];

/** Soup of what matters to the parser, and mutations of real mail. */
export const anyMail: fc.Arbitrary<Buffer> = fc.oneof(
  fc.array(fc.constantFrom(...PIECES), { maxLength: 40 }).map((pieces) => Buffer.from(pieces.join(''), 'latin1')),
  fc
    .tuple(
      fc.constantFrom(...ORACLE),
      fc.array(fc.tuple(fc.nat(2000), fc.constantFrom(...PIECES), fc.nat(8)), { maxLength: 4 }),
    )
    .map(([{ message }, edits]) => {
      let text = message.replaceAll('\n', '\r\n');
      for (const [at, piece, cut] of edits) {
        const place = at % (text.length + 1);
        text = text.slice(0, place) + piece + text.slice(place + cut);
      }
      return Buffer.from(text, 'latin1');
    }),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
);

/** Sizes of the pieces in which bytes come. */
export const cutSizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 });

/** The bytes cut into pieces of these sizes, used in turn. */
export function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length]!;
    // A copy, so that what is kept of a chunk against the rules is noticed.
    chunks.push(Buffer.from(bytes.subarray(at, at + size)));
    at += size;
  }
  return chunks;
}

/** Every part with its holder, the root first. */
export function* everyPart(root: MimePart, holder?: MimePart): Generator<[MimePart, MimePart | undefined]> {
  yield [root, holder];
  for (const part of root.parts) yield* everyPart(part, root);
  if (root.message !== undefined) yield* everyPart(root.message.root, root);
}
