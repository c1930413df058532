import { isStoaError } from '@stoa/plugin-sdk';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeAccountState,
  decodeMailbox,
  decodeMailboxStatus,
  decodeMarker,
  decodeMessageRow,
  decodeVanished,
  encodeAccountState,
  encodeMailbox,
  encodeMailboxStatus,
  encodeMarker,
  encodeMessageRow,
  encodeVanished,
} from './rows.ts';

const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
const text = fc.string({ unit: 'binary' }).filter((value) => value.isWellFormed());

const accountState = fc.record({
  lastModseq: number,
  nextMailboxId: number,
  lastUidValidity: number,
  usedBytes: number,
  messages: number,
  quotaBytes: number,
  listModseq: number,
  nonces: fc.uint8Array({ maxLength: 48 }),
});
const mailbox = fc.record({
  name: text,
  specialUse: fc.array(text),
  uidValidity: number,
  objectId: text,
  createdAt: number,
});
const small = fc.nat(2 ** 40);
const status = fc
  .record({
    uidNext: number,
    highestModseq: number,
    messages: number,
    unseen: number,
    deleted: number,
    size: number,
    recentFrom: number,
    logFloor: number,
    lastVanished: number,
    keywords: fc.array(text),
    recentFloor: small,
    gaps: fc.array(fc.tuple(fc.nat(2 ** 24), small), { maxLength: 64 }),
  })
  .map(({ gaps, ...rest }) => {
    let modseq = rest.recentFloor;
    const recentChunks = gaps.flatMap(([chunk, gap]) => {
      modseq += gap;
      return [chunk, modseq];
    });
    return { ...rest, recentChunks };
  });
const bytes = (length?: number) =>
  fc
    .uint8Array(length === undefined ? { maxLength: 300 } : { minLength: length, maxLength: length })
    .map((value) => Buffer.from(value));
const message = fc.record({
  blobId: bytes(32),
  size: number,
  internalDate: number,
  saveDate: number,
  structure: bytes(),
});
const marker = fc.record({ at: number, mailboxId: number, uidValidity: number, uid: number, modseq: number });
const vanished = fc.record({
  at: number,
  uids: fc.uniqueArray(fc.nat(2 ** 32 - 1)).map((uids) => uids.sort((a, b) => a - b)),
});

describe('stored rows', () => {
  it('are the same after writing and reading', () => {
    fc.assert(
      fc.property(accountState, mailbox, status, message, marker, vanished, (a, b, c, d, e, f) => {
        expect(decodeAccountState(encodeAccountState(a))).toEqual(a);
        expect(decodeMailbox(7, encodeMailbox({ id: 7, ...b }))).toEqual({ id: 7, ...b });
        expect(decodeMailboxStatus(encodeMailboxStatus(c))).toEqual(c);
        expect(decodeMessageRow(encodeMessageRow(d))).toEqual(d);
        expect(decodeMarker(encodeMarker(e))).toEqual(e);
        expect(decodeVanished(encodeVanished(f))).toEqual(f);
      }),
    );
  });

  it('that are damaged are told as data loss, those of a newer version as such', () => {
    const decoders = [
      decodeAccountState,
      (row: Uint8Array) => decodeMailbox(1, row),
      decodeMailboxStatus,
      decodeMessageRow,
      decodeMarker,
      decodeVanished,
    ];
    fc.assert(
      fc.property(fc.constantFrom(...decoders), fc.uint8Array({ maxLength: 60 }), (decode, row) => {
        try {
          decode(row);
        } catch (error) {
          expect(isStoaError(error) && ['data-loss', 'unsupported-version'].includes(error.code)).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
    for (const decode of decoders) {
      expect(() => decode(Uint8Array.of(0x11, 0, 0, 0))).toThrow(
        expect.objectContaining({ code: 'unsupported-version' }),
      );
    }
  });
});
