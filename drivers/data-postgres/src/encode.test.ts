import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { booleanArray, byteaArray, integerArray, parseBytea } from './encode.ts';

describe('arrays in binary format', () => {
  it('follow array_recv', () => {
    expect(integerArray([1, -2]).toString('hex')).toBe(
      '00000001' + '00000000' + '00000017' + '00000002' + '00000001' + '0000000400000001' + '00000004fffffffe',
    );
    expect(booleanArray([true, false]).toString('hex')).toBe(
      '00000001' + '00000000' + '00000010' + '00000002' + '00000001' + '0000000101' + '0000000100',
    );
    expect(byteaArray([Buffer.from('ab'), undefined, new Uint8Array(0)]).toString('hex')).toBe(
      '00000001' + '00000001' + '00000011' + '00000003' + '00000001' + '000000026162' + 'ffffffff' + '00000000',
    );
  });

  it('have no dimension when empty', () => {
    expect(byteaArray([]).toString('hex')).toBe('000000000000000000000011');
    expect(integerArray([]).length).toBe(12);
    expect(booleanArray([]).length).toBe(12);
  });
});

describe('parseBytea', () => {
  it('reads both forms of output', () => {
    const escaped = (octets: Uint8Array) =>
      [...octets]
        .map((octet) =>
          octet === 0x5c
            ? '\\\\'
            : octet < 0x20 || octet > 0x7e
              ? `\\${octet.toString(8).padStart(3, '0')}`
              : String.fromCharCode(octet),
        )
        .join('');
    fc.assert(
      fc.property(fc.uint8Array(), (octets) => {
        expect(Buffer.compare(parseBytea(`\\x${Buffer.from(octets).toString('hex')}`), octets)).toBe(0);
        const text = escaped(octets);
        if (!text.startsWith('\\x')) expect(Buffer.compare(parseBytea(text), octets)).toBe(0);
      }),
    );
  });

  it('refuses what is cut off or not hexadecimal', () => {
    expect(() => parseBytea('\\x123')).toThrow('bytea');
    expect(() => parseBytea('\\x12zz')).toThrow('bytea');
  });
});
