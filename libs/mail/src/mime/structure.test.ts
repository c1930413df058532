import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyMail, crlf } from './mail.test-support.ts';
import { parseMessage } from './message-parser.ts';
import { ORACLE } from './oracle.test-support.ts';
import { StructureError } from './structure-error.ts';
import { STRUCTURE_VERSION } from './structure-format.ts';
import { decodeEnvelope, decodeParts, decodeStructure } from './structure-reader.ts';
import { encodeStructure } from './structure-writer.ts';

const ORDINARY = crlf(`From: Some Sender <sender@example.org>
To: Alice <alice@example.test>, bob@example.test
Subject: A subject of ordinary length for mail
Date: Mon, 1 Jan 2024 00:00:00 +0000
Message-ID: <123456789.abcdef@example.org>
Content-Type: multipart/alternative; boundary="000000000000abcdef0123456789"

--000000000000abcdef0123456789
Content-Type: text/plain; charset="UTF-8"

hello
--000000000000abcdef0123456789
Content-Type: text/html; charset="UTF-8"
Content-Transfer-Encoding: quoted-printable

<p>hello
--000000000000abcdef0123456789--
`);

describe('the stored structure', () => {
  it.each(ORACLE)('gives back what was parsed of $name', ({ message }) => {
    const parsed = parseMessage(crlf(message));
    expect(decodeStructure(encodeStructure(parsed))).toEqual(parsed);
  });

  it('gives back what was parsed of any bytes', () => {
    fc.assert(
      fc.property(anyMail, (message) => {
        const parsed = parseMessage(message);
        const stored = encodeStructure(parsed);
        expect(decodeStructure(stored)).toEqual(parsed);
        expect(decodeEnvelope(stored)).toEqual(parsed.envelope);
        expect(decodeParts(stored)).toEqual(parsed.root);
      }),
      { numRuns: 300 },
    );
  });

  it('is small for ordinary mail', () => {
    expect(encodeStructure(parseMessage(ORDINARY)).length).toBeLessThan(300);
  });

  it('holds messages nested as deep as the parser looks', () => {
    const parsed = parseMessage(crlf('Content-Type: message/rfc822\n\n'.repeat(120)));
    expect(decodeStructure(encodeStructure(parsed))).toEqual(parsed);
  });

  it('tells a newer version from damage', () => {
    const parsed = parseMessage(ORDINARY);
    const stored = encodeStructure(parsed);
    stored[0] = STRUCTURE_VERSION + 1;
    expect(decodeStructure(Buffer.concat([stored, Buffer.from('appended')]))).toEqual(parsed);
    stored[0] = STRUCTURE_VERSION + 16;
    expect(() => decodeStructure(stored)).toThrow(expect.objectContaining({ code: 'newer-version' }));
    expect(() => decodeStructure(stored.subarray(0, 0))).toThrow(expect.objectContaining({ code: 'corrupt' }));
    stored[0] = 0;
    expect(() => decodeEnvelope(stored)).toThrow(expect.objectContaining({ code: 'corrupt' }));
  });

  it('throws nothing but StructureError, whatever the bytes', () => {
    const stored = encodeStructure(parseMessage(ORDINARY));
    const damaged = fc
      .tuple(fc.nat(stored.length - 1), fc.nat(255), fc.nat(stored.length))
      .map(([at, byte, length]) => {
        const bytes = Uint8Array.from(stored);
        bytes[at] = byte;
        return length % 3 === 0 ? bytes.subarray(0, length) : bytes;
      });
    const random = fc.uint8Array({ maxLength: 60 }).map((bytes) => Uint8Array.of(1, ...bytes));
    fc.assert(
      fc.property(fc.oneof(damaged, random), (bytes) => {
        for (const decode of [decodeStructure, decodeEnvelope, decodeParts]) {
          try {
            decode(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(StructureError);
          }
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('believes no count that the bytes cannot hold', () => {
    // An envelope of flags 0, three missing strings, and 2^35 addresses.
    const envelope = [0, 0, 0, 0, 128, 128, 128, 128, 128, 1];
    const bytes = Uint8Array.of(1, 5, envelope.length, ...envelope, 0);
    expect(() => decodeEnvelope(bytes)).toThrow(StructureError);
  });
});
