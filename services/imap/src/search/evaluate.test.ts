import { IndexChunk, type SearchKey } from '@stoa/mail';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { eachKey, evaluate, type Verdict } from './evaluate.ts';

const chunk = IndexChunk.of(0, 9, {
  uids: Uint32Array.of(7),
  modseqs: Float64Array.of(9),
  // \Seen and keyword 0.
  flags: Uint32Array.of(1 | 256),
  keywordsHigh: Uint32Array.of(0),
  sizes: Uint32Array.of(1000),
  seconds: Float64Array.of(Date.UTC(2026, 1, 3, 23, 59) / 1000),
});
const message = { chunk, index: 0, sequence: 1, uid: 7 };
const facts = { keywords: ['$Work'], isRecent: () => false, sets: new Map() };
const decide = (key: SearchKey, leaf: (key: SearchKey) => Verdict = () => undefined) =>
  evaluate(facts, message, key, leaf);

describe('keys that the index answers', () => {
  it.each<[SearchKey, boolean]>([
    [{ type: 'all' }, true],
    [{ type: 'flag', flag: '\\Seen', present: true }, true],
    [{ type: 'flag', flag: '\\Deleted', present: true }, false],
    [{ type: 'flag', flag: '$work', present: true }, true],
    [{ type: 'flag', flag: 'Other', present: false }, true],
    [{ type: 'old' }, true],
    [{ type: 'new' }, false],
    [{ type: 'larger', size: 999 }, true],
    [{ type: 'larger', size: 1000 }, false],
    [{ type: 'smaller', size: 1000 }, false],
    [{ type: 'on', sent: false, date: { year: 2026, month: 2, day: 3 } }, true],
    [{ type: 'before', sent: false, date: { year: 2026, month: 2, day: 3 } }, false],
    [{ type: 'since', sent: false, date: { year: 2026, month: 2, day: 4 } }, false],
    [{ type: 'modseq', modSeq: 9, entry: undefined }, true],
    [{ type: 'modseq', modSeq: 10, entry: undefined }, false],
  ])('%j is %s', (key, expected) => {
    expect(decide(key)).toBe(expected);
    expect(decide({ type: 'not', key })).toBe(!expected);
  });
});

/** Trees over three texts whose answers are known later. */
const text = (name: string): SearchKey => ({ type: 'body', value: { octets: Buffer.from(name), text: name } });
const tree: fc.Arbitrary<SearchKey> = fc.letrec<{ key: SearchKey }>((tie) => ({
  key: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom<SearchKey>(text('a'), text('b'), text('c'), { type: 'all' }, { type: 'new' }),
    tie('key').map((key): SearchKey => ({ type: 'not', key })),
    fc.tuple(tie('key'), tie('key')).map(([left, right]): SearchKey => ({ type: 'or', left, right })),
    fc.array(tie('key'), { maxLength: 3 }).map((keys): SearchKey => ({ type: 'and', keys })),
  ),
})).key;

function naive(key: SearchKey, answers: Record<string, boolean>): boolean {
  switch (key.type) {
    case 'body':
      return answers[key.value.text] as boolean;
    case 'not':
      return !naive(key.key, answers);
    case 'or':
      return naive(key.left, answers) || naive(key.right, answers);
    case 'and':
      return key.keys.every((inner) => naive(inner, answers));
    default:
      return key.type === 'all';
  }
}

describe('a tree of keys', () => {
  const answersArbitrary = fc.record({ a: fc.boolean(), b: fc.boolean(), c: fc.boolean() });

  it('with all answers is decided as logic says', () => {
    fc.assert(
      fc.property(tree, answersArbitrary, (key, answers) => {
        expect(decide(key, (leaf) => (leaf.type === 'body' ? answers[leaf.value.text as 'a'] : undefined))).toBe(
          naive(key, answers),
        );
      }),
    );
  });

  it('with some answers is decided only where the others cannot change it', () => {
    fc.assert(
      fc.property(tree, answersArbitrary, fc.subarray(['a', 'b', 'c']), (key, answers, known) => {
        const verdict = decide(key, (leaf) =>
          leaf.type === 'body' && known.includes(leaf.value.text) ? answers[leaf.value.text as 'a'] : undefined,
        );
        if (verdict !== undefined) expect(verdict).toBe(naive(key, answers));
      }),
    );
  });

  it('is walked whole', () => {
    const key: SearchKey = {
      type: 'and',
      keys: [text('a'), { type: 'not', key: { type: 'or', left: text('b'), right: text('c') } }],
    };
    expect([...eachKey(key)].filter(({ type }) => type === 'body')).toHaveLength(3);
  });
});
