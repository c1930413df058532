import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cut, cutSizes } from './mail.test-support.ts';
import { transferDecoder } from './transfer-decoder.ts';

function decode(encoding: string, chunks: readonly Uint8Array[]): Buffer {
  const decoder = transferDecoder(encoding)!;
  const decoded = chunks.map((chunk) => Buffer.from(decoder.push(chunk)));
  return Buffer.concat([...decoded, decoder.finish()]);
}

function decodeText(encoding: string, text: string): string {
  return decode(encoding, [Buffer.from(text, 'latin1')]).toString('latin1');
}

describe('base64', () => {
  it.each([
    ['aGVs\r\nbG8=', 'hello'],
    ['aGVsbG8', 'hello'],
    ['YQ==YmM=', 'abc'],
    ['a*G-V_s!bG8=', 'hello'],
    ['A', ''],
    ['', ''],
  ])('%j', (text, expected) => {
    expect(decodeText('base64', text)).toBe(expected);
  });

  it('gives back any bytes, however they are cut', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), cutSizes, (bytes, sizes) => {
        const encoded = Buffer.from(bytes).toString('base64').replace(/.{76}/g, '$&\r\n');
        expect(decode('base64', cut(Buffer.from(encoded), sizes))).toEqual(Buffer.from(bytes));
      }),
    );
  });
});

describe('quoted-printable', () => {
  it.each([
    ['Caf=E9 =3d', 'Caf\xe9 ='],
    ['soft=\r\nbreak=\nagain= \t\r\n!', 'softbreakagain!'],
    ['trailing  \t\r\nblanks ', 'trailing\r\nblanks'],
    ['a b\tc', 'a b\tc'],
    ['bad =ZZ =4', 'bad =ZZ =4'],
    ['end=', 'end'],
    ['= x', '= x'],
    ['a \rb', 'a \rb'],
  ])('%j', (text, expected) => {
    expect(decodeText('quoted-printable', text)).toBe(expected);
  });

  it('gives the same however the bytes are cut', () => {
    const soup = fc.array(fc.constantFrom('=', ' ', '\t', '\r', '\n', '=\r\n', '=41', 'a', ' '.repeat(1001), 'F'));
    fc.assert(
      fc.property(soup, cutSizes, (pieces, sizes) => {
        const bytes = Buffer.from(pieces.join(''));
        expect(decode('quoted-printable', cut(bytes, sizes))).toEqual(decode('quoted-printable', [bytes]));
      }),
      { numRuns: 300 },
    );
  });
});

it('passes what is not encoded, and refuses what is not known', () => {
  expect(decodeText('8bit', 'x=41')).toBe('x=41');
  expect(transferDecoder('x-uuencode')).toBeUndefined();
});
