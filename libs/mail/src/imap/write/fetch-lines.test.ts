import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FLAG, keywordWords } from '../../mailbox/flags.ts';
import { putDecimal } from './decimal.ts';
import { type FetchColumns, type FetchLineItems, FetchLineWriter } from './fetch-lines.ts';

function lines(
  columns: FetchColumns,
  items: FetchLineItems,
  keywords: string[] = [],
  sequence = 1,
  from?: number,
  to?: number,
) {
  let text = '';
  const writer = new FetchLineWriter(
    keywords,
    items,
    (octets) => {
      text += octets.toString('latin1');
    },
    600,
  );
  writer.write(columns, sequence, from ?? 0, to ?? columns.uids.length);
  writer.end();
  writer.end();
  return text;
}

describe('FetchLineWriter', () => {
  it('asks for no column that is not shown', () => {
    const asked: string[] = [];
    const columns = new Proxy({ uids: Uint32Array.of(7), flags: Uint32Array.of(1) } as FetchColumns, {
      get(target, name) {
        asked.push(String(name));
        return Reflect.get(target, name);
      },
    });
    let wire = '';
    const writer = new FetchLineWriter([], { uid: true, flags: true }, (octets) => {
      wire += octets.toString('latin1');
    });
    writer.write(columns, 3, 0, 1);
    writer.end();
    expect(wire).toBe('* 3 FETCH (UID 7 FLAGS (\\Seen))\r\n');
    expect(asked.sort()).toEqual(['flags', 'keywordsHigh', 'uids']);
  });

  it('writes the items that are asked for', () => {
    const { low, high } = keywordWords([0, 30]);
    const columns = {
      uids: Uint32Array.of(10, 4294967295),
      flags: Uint32Array.of(FLAG.seen | FLAG.deleted, low | FLAG.answered),
      keywordsHigh: Uint32Array.of(0, high),
      modseqs: Float64Array.of(7, Number.MAX_SAFE_INTEGER),
      sizes: Uint32Array.of(0, 123456),
      seconds: Float64Array.of(0, 1_700_000_000),
    };
    const keywords = Array.from({ length: 31 }, (_, index) => `k${index}`);
    expect(lines(columns, { uid: true, flags: true, modSeq: true, size: true, internalDate: true }, keywords, 9)).toBe(
      '* 9 FETCH (UID 10 MODSEQ (7) RFC822.SIZE 0 INTERNALDATE " 1-Jan-1970 00:00:00 +0000" FLAGS (\\Deleted \\Seen))\r\n' +
        '* 10 FETCH (UID 4294967295 MODSEQ (9007199254740991) RFC822.SIZE 123456' +
        ' INTERNALDATE "14-Nov-2023 22:13:20 +0000" FLAGS (\\Answered k0 k30))\r\n',
    );
    expect(lines(columns, { flags: true }, keywords, 5, 1, 2)).toBe('* 5 FETCH (FLAGS (\\Answered k0 k30))\r\n');
    expect(lines(columns, { uid: true }, [], 1, 0, 1)).toBe('* 1 FETCH (UID 10)\r\n');
  });

  it('flushes a full buffer and loses nothing', () => {
    const count = 5000;
    const uids = Uint32Array.from({ length: count }, (_, index) => index * 3 + 1);
    const flags = Uint32Array.from({ length: count }, (_, index) => ((index * 2654435761) >>> 0) & 0xffffff1f);
    const keywords = Array.from({ length: 24 }, (_, index) => `$k${index}`);
    const found = lines({ uids, flags }, { uid: true, flags: true }, keywords).split('\r\n');
    expect(found).toHaveLength(count + 1);
    for (let i = 0; i < count; i += 37) {
      const names = ['\\Answered', '\\Flagged', '\\Deleted', '\\Seen', '\\Draft'].filter(
        (_, bit) => flags[i]! & [2, 4, 8, 1, 16][bit]!,
      );
      for (let keyword = 0; keyword < 24; keyword++)
        if (flags[i]! & (1 << (keyword + 8))) names.push(keywords[keyword]!);
      expect(found[i]).toBe(`* ${i + 1} FETCH (UID ${uids[i]} FLAGS (${names.join(' ')}))`);
    }
  });
});

it('putDecimal writes any number', () => {
  const octets = Buffer.alloc(20);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.nat(20_000),
        fc.maxSafeNat(),
        fc.nat(16).map((power) => Math.min(10 ** power, Number.MAX_SAFE_INTEGER)),
      ),
      (number) => {
        expect(octets.toString('latin1', 0, putDecimal(octets, 0, number))).toBe(String(number));
      },
    ),
  );
});
