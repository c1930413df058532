import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { IndexChunk } from './chunk.ts';
import { appendRows } from './chunk-edit.ts';
import { chunkOfUid } from './chunk-format.ts';
import { MailboxSnapshot } from './snapshot.ts';
import { applyDelta, diffSnapshots } from './snapshot-delta.ts';
import { holdExpunged } from './snapshot-hold.ts';
import { eachNumber, numberSet, numberSetOf } from './uid-set.ts';

/** A message of the naive model: a mailbox is an array of them. */
interface Message {
  uid: number;
  flags: number;
  modseq: number;
}

function chunkOf(messages: readonly Message[]): IndexChunk {
  let chunk: IndexChunk | undefined;
  for (const { uid, flags, modseq } of messages) {
    chunk = appendRows(chunk, [{ uid, flags, keywordsHigh: 0, size: 1, seconds: 0 }], modseq);
  }
  return chunk!;
}

function chunksOf(messages: readonly Message[]): IndexChunk[] {
  const groups = Map.groupBy(messages, ({ uid }) => chunkOfUid(uid));
  return [...groups.values()].map(chunkOf);
}

const snapshotOf = (messages: readonly Message[]) => new MailboxSnapshot(chunksOf(messages));

function messagesOf(snapshot: MailboxSnapshot): Message[] {
  return snapshot.chunks.flatMap((chunk) =>
    Array.from(chunk.uids, (uid, i) => ({ uid, flags: chunk.flags[i]!, modseq: chunk.modseqs[i]! })),
  );
}

const mailbox = fc
  .uniqueArray(fc.integer({ min: 1, max: 1500 }), { maxLength: 120 })
  .map((uids) => uids.sort((a, b) => a - b).map((uid): Message => ({ uid, flags: 0, modseq: 1 })));

const numbers = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 1600 }), fc.integer({ min: 1, max: 1600 })), { maxLength: 8 })
  .map(numberSet);

/** A mailbox and a later state of it: some gone, some with other flags, some new at the end. */
const change = fc
  .tuple(mailbox, fc.infiniteStream(fc.integer({ min: 0, max: 3 })), fc.integer({ min: 0, max: 400 }), fc.nat(300))
  .map(([before, fate, added, gap]) => {
    const after: Message[] = [];
    for (const message of before) {
      const [{ value }] = [fate.next()];
      if (value === 0) continue;
      after.push(value === 1 ? { ...message, flags: 1, modseq: 2 } : message);
    }
    const next = (before.at(-1)?.uid ?? 0) + 1 + gap;
    for (let i = 0; i < added; i++) after.push({ uid: next + i, flags: 0, modseq: 2 });
    return { before, after };
  });

/** What a router would tell: chunks with a change, and what vanished. Untouched chunks stay the same objects. */
function deltaOf(before: readonly Message[], after: readonly Message[]) {
  const left = new Set(after.map(({ uid }) => uid));
  const vanished = before.filter(({ uid }) => !left.has(uid)).map(({ uid }) => uid);
  const touched = new Set([
    ...vanished.map(chunkOfUid),
    ...after.filter(({ modseq }) => modseq === 2).map(({ uid }) => chunkOfUid(uid)),
  ]);
  const changed = chunksOf(after).filter((chunk) => touched.has(chunk.number));
  return { changed, vanished: numberSetOf(vanished) };
}

describe('MailboxSnapshot', () => {
  it('maps sequence numbers and UIDs as an array does', () => {
    fc.assert(
      fc.property(mailbox, (messages) => {
        const snapshot = snapshotOf(messages);
        expect(snapshot.count).toBe(messages.length);
        expect(snapshot.lastUid).toBe(messages.at(-1)?.uid ?? 0);
        for (let i = 0; i <= messages.length + 1; i++) expect(snapshot.uidOf(i)).toBe(messages[i - 1]?.uid ?? 0);
        for (let uid = 0; uid < 1510; uid += 7) {
          expect(snapshot.sequenceOf(uid)).toBe(messages.findIndex((message) => message.uid === uid) + 1);
          const from = messages.findIndex((message) => message.uid >= uid);
          if (uid > 0) expect(snapshot.sequenceFrom(uid)).toBe(from < 0 ? messages.length + 1 : from + 1);
        }
        expect([...eachNumber(snapshot.allUids())]).toEqual(messages.map(({ uid }) => uid));
      }),
    );
  });

  it('walks over sets of UIDs and of sequence numbers as a filter does', () => {
    fc.assert(
      fc.property(mailbox, numbers, (messages, set) => {
        const snapshot = snapshotOf(messages);
        const wanted = new Set(eachNumber(set));
        const byUid = messages.flatMap(({ uid }, i) => (wanted.has(uid) ? [[uid, i + 1]] : []));
        const bySequence = messages.flatMap(({ uid }, i) => (wanted.has(i + 1) ? [[uid, i + 1]] : []));
        const walk = (runs: ReturnType<typeof snapshot.runs>) =>
          [...runs].flatMap(({ chunk, from, to, sequence }) =>
            Array.from({ length: to - from }, (_, i) => [chunk.uids[from + i]!, sequence + i]),
          );
        expect(walk(snapshot.runsOfUids(set))).toEqual(byUid);
        expect(walk(snapshot.runsOfSequences(set))).toEqual(bySequence);
        expect(snapshot.existing(set)).toEqual(numberSetOf(byUid.map(([uid]) => uid!)));
        expect(snapshot.uidsOfSequences(set)).toEqual(numberSetOf(bySequence.map(([uid]) => uid!)));
      }),
    );
  });

  it('refuses chunks that do not ascend', () => {
    const packed = chunksOf([
      { uid: 1, flags: 0, modseq: 1 },
      { uid: 300, flags: 0, modseq: 1 },
    ]).map((chunk) => chunk.packed);
    expect(() => MailboxSnapshot.decode(packed.reverse())).toThrow(RangeError);
  });
});

describe('applyDelta and diffSnapshots', () => {
  it('lead to the new state and tell the difference', () => {
    fc.assert(
      fc.property(change, ({ before, after }) => {
        const old = snapshotOf(before);
        const { changed, vanished } = deltaOf(before, after);
        const fresh = applyDelta(old, changed, vanished);
        expect(messagesOf(fresh)).toEqual(after);
        for (const chunk of fresh.chunks) {
          const touched = changed.includes(chunk);
          expect(touched || old.chunks.includes(chunk)).toBe(true);
        }
        const left = new Map(after.map((message) => [message.uid, message]));
        const old1 = new Set(before.map(({ uid }) => uid));
        expect(diffSnapshots(old, fresh)).toEqual({
          vanished,
          expunged: numberSetOf(before.flatMap(({ uid }, i) => (left.has(uid) ? [] : [i + 1]))),
          changed: numberSetOf(before.filter(({ uid }) => left.get(uid)?.modseq === 2).map(({ uid }) => uid)),
          added: after.filter(({ uid }) => !old1.has(uid)).length,
        });
        expect(diffSnapshots(fresh, fresh)).toEqual({ vanished: [], expunged: [], changed: [], added: 0 });
      }),
    );
  });
});

describe('holdExpunged', () => {
  it('keeps what is gone, shows new flags, and leaves exactly the expunges to be told', () => {
    fc.assert(
      fc.property(change, fc.boolean(), ({ before, after }, addNew) => {
        const old = snapshotOf(before);
        const { changed, vanished } = deltaOf(before, after);
        const fresh = applyDelta(old, changed, vanished);
        const held = holdExpunged(old, fresh, addNew);
        const now = new Map(after.map((message) => [message.uid, message]));
        const shown = before.map((message) => now.get(message.uid) ?? message);
        const last = before.at(-1)?.uid ?? 0;
        const added = after.filter(({ uid }) => uid > last);
        expect(messagesOf(held)).toEqual(addNew ? [...shown, ...added] : shown);
        const later = diffSnapshots(held, fresh);
        expect(later.vanished).toEqual(vanished);
        expect(later.changed).toEqual([]);
        expect(later.added).toBe(addNew ? 0 : added.length);
      }),
    );
  });
});
