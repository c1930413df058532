import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { appendRows, changeFlags, type IndexRow, removeRows } from './chunk-edit.ts';
import { ChunkFormatError, firstUidOfChunk } from './chunk-format.ts';
import { FLAG, hasKeyword, keywordIndex, keywordNumbers, keywordWords } from './flags.ts';
import { IndexChunk } from './index.ts';
import { includesNumber, numberSetOf } from './uid-set.ts';

const word = fc.integer({ min: 0, max: 0xffffffff });

/** Rows of one chunk, with its number and a MODSEQ for each row. */
const chunkRows = fc
  .record({
    number: fc.integer({ min: 0, max: 0xfffffe }),
    places: fc.uniqueArray(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 256 }),
  })
  .chain(({ number, places }) =>
    fc.tuple(
      ...[...places]
        .sort((a, b) => a - b)
        .map((place) =>
          fc.record({
            uid: fc.constant(firstUidOfChunk(number) + place),
            flags: word,
            keywordsHigh: fc.oneof(fc.constant(0), word),
            size: word,
            seconds: fc.oneof(fc.integer({ min: 0, max: 2 ** 32 }), fc.integer({ min: 0, max: 2 ** 43 })),
            modseq: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.maxSafeNat()),
          }),
        ),
    ),
  );

function chunkOf(rows: readonly (IndexRow & { modseq: number })[]): IndexChunk {
  let chunk: IndexChunk | undefined;
  for (const { modseq, ...row } of rows) chunk = appendRows(chunk, [row], modseq);
  return chunk!;
}

function rowsOf(chunk: IndexChunk): (IndexRow & { modseq: number })[] {
  return Array.from(chunk.uids, (uid, i) => ({
    uid,
    flags: chunk.flags[i]!,
    keywordsHigh: chunk.keywordsHigh[i]!,
    size: chunk.sizes[i]!,
    seconds: chunk.seconds[i]!,
    modseq: chunk.modseqs[i]!,
  }));
}

describe('IndexChunk', () => {
  it('is the same after packing and reading', () => {
    fc.assert(
      fc.property(chunkRows, (rows) => {
        const chunk = chunkOf(rows);
        const read = IndexChunk.decode(chunk.packed);
        expect(rowsOf(read)).toEqual(rows);
        expect(read.maxModseq).toBe(rows.at(-1)!.modseq);
        expect(read.firstUid).toBe(rows[0]!.uid);
        expect(read.lastUid).toBe(rows.at(-1)!.uid);
      }),
    );
  });

  it('finds UIDs as a plain search does', () => {
    fc.assert(
      fc.property(chunkRows, fc.integer({ min: -3, max: 260 }), (rows, place) => {
        const chunk = IndexChunk.decode(chunkOf(rows).packed);
        const uid = firstUidOfChunk(chunk.number) + place;
        expect(chunk.indexOf(uid)).toBe(rows.findIndex((row) => row.uid === uid));
        const bound = rows.findIndex((row) => row.uid >= uid);
        expect(chunk.lowerBound(uid)).toBe(bound < 0 ? rows.length : bound);
      }),
    );
  });

  it('costs few octets for an ordinary mailbox', () => {
    const rows = Array.from({ length: 256 }, (_, i) => ({
      uid: 1 + i,
      flags: i % 3,
      keywordsHigh: 0,
      size: 2000 + ((i * 7919) % 60_000),
      seconds: 1_700_000_000 + i * 600,
    }));
    expect(appendRows(undefined, rows, 77).packed.length / 256).toBeLessThan(9);
  });

  it('refuses any other bytes with a clear error, or reads them safely', () => {
    const mutated = fc.tuple(chunkRows, fc.array(fc.tuple(fc.nat(5000), fc.nat(255)), { maxLength: 4 }), fc.nat(5000));
    const check = (bytes: Uint8Array) => {
      try {
        const chunk = IndexChunk.decode(bytes);
        let previous = 0;
        for (const row of rowsOf(chunk)) {
          expect(row.uid).toBeGreaterThan(previous);
          previous = row.uid;
        }
      } catch (error) {
        expect(error).toBeInstanceOf(ChunkFormatError);
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), check));
    fc.assert(
      fc.property(mutated, ([rows, changes, length]) => {
        const bytes = chunkOf(rows).packed.slice(0, Math.max(length, 20));
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        check(bytes);
      }),
    );
  });

  it('changes flags as single messages would', () => {
    const change = fc.record({
      mode: fc.constantFrom('add' as const, 'remove' as const, 'replace' as const),
      words: fc.record({ low: word, high: word }),
      unchangedSince: fc.option(fc.integer({ min: 0, max: 400 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(chunkRows, change, fc.array(fc.nat(255)), (rows, { mode, words, unchangedSince }, places) => {
        const chunk = chunkOf(rows);
        const base = firstUidOfChunk(chunk.number);
        const uids = numberSetOf([...new Set(places)].sort((a, b) => a - b).map((place) => base + place));
        const modseq = 2 ** 53 - 1;
        const result = changeFlags(chunk, uids, { mode, words, unchangedSince }, modseq);
        const held: number[] = [];
        const expected = rows.map((row) => {
          if (!includesNumber(uids, row.uid)) return row;
          if (unchangedSince !== undefined && row.modseq > unchangedSince) {
            held.push(row.uid);
            return row;
          }
          const set = (old: number, bits: number) =>
            (mode === 'add' ? old | bits : mode === 'remove' ? old & ~bits : bits) >>> 0;
          const next = { ...row, flags: set(row.flags, words.low), keywordsHigh: set(row.keywordsHigh, words.high) };
          const same = next.flags === row.flags && next.keywordsHigh === row.keywordsHigh;
          return same ? row : { ...next, modseq };
        });
        expect(rowsOf(IndexChunk.decode(result.chunk.packed))).toEqual(expected);
        expect(result.modified).toEqual(held);
        const count = (list: typeof rows, flag: number) => list.filter((row) => row.flags & flag).length;
        expect(result.seen).toBe(count(expected, FLAG.seen) - count(rows, FLAG.seen));
        expect(result.deleted).toBe(count(expected, FLAG.deleted) - count(rows, FLAG.deleted));
        expect(result.chunk === chunk).toBe(expected.every((row, i) => row === rows[i]));
      }),
    );
  });

  it('removes rows as a filter would', () => {
    fc.assert(
      fc.property(chunkRows, fc.array(fc.nat(255)), fc.boolean(), (rows, places, deletedOnly) => {
        const chunk = chunkOf(rows);
        const base = firstUidOfChunk(chunk.number);
        const uids = numberSetOf([...new Set(places)].sort((a, b) => a - b).map((place) => base + place));
        const flag = deletedOnly ? FLAG.deleted : undefined;
        const gone = (row: IndexRow) =>
          includesNumber(uids, row.uid) && (flag === undefined || (row.flags & flag) !== 0);
        const result = removeRows(chunk, uids, 5, flag);
        expect(result.rows.map(({ uid }) => uid)).toEqual(rows.filter(gone).map(({ uid }) => uid));
        expect(result.chunk === undefined ? [] : rowsOf(result.chunk)).toEqual(rows.filter((row) => !gone(row)));
      }),
    );
  });
});

describe('keywords', () => {
  it('go into the flag words and out again', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 0, max: 55 })), (numbers) => {
        const { low, high } = keywordWords(numbers);
        expect(keywordNumbers(low, high)).toEqual([...numbers].sort((a, b) => a - b));
        expect(low & 0xff).toBe(0);
        for (let number = 0; number < 56; number++)
          expect(hasKeyword(low, high, number)).toBe(numbers.includes(number));
      }),
    );
  });

  it('are found without regard to case', () => {
    expect(keywordIndex(['$Junk', 'Work'], ['work', '$junk', 'other'])).toEqual([1, 0, -1]);
  });
});
