import {
  daysSinceEpoch,
  FLAG,
  hasKeyword,
  type IndexChunk,
  includesNumber,
  keywordIndex,
  type NumberSet,
  type SearchKey,
} from '@stoa/mail';

/** True, false, or not known from what is at hand. */
export type Verdict = boolean | undefined;

/** What is known of a message without reading it. */
export interface IndexedMessage {
  chunk: IndexChunk;
  index: number;
  sequence: number;
  uid: number;
}

/** Search keys made ready: sets resolved, keywords numbered. */
export interface SearchFacts {
  keywords: readonly string[];
  isRecent(uid: number): boolean;
  /** UIDs of the `uid` and `sequence` keys, by key. */
  sets: ReadonlyMap<SearchKey, NumberSet>;
}

const SYSTEM: Readonly<Record<string, number>> = {
  '\\seen': FLAG.seen,
  '\\answered': FLAG.answered,
  '\\flagged': FLAG.flagged,
  '\\deleted': FLAG.deleted,
  '\\draft': FLAG.draft,
};

const DAY_SECONDS = 86_400;

function hasFlag(facts: SearchFacts, { chunk, index, uid }: IndexedMessage, flag: string): boolean {
  const bit = SYSTEM[flag.toLowerCase()];
  if (bit !== undefined) return ((chunk.flags[index] as number) & bit) !== 0;
  if (flag.toLowerCase() === '\\recent') return facts.isRecent(uid);
  const number = keywordIndex(facts.keywords, [flag])[0] as number;
  return number >= 0 && hasKeyword(chunk.flags[index] as number, chunk.keywordsHigh[index] as number, number);
}

/** Compares calendar days, time and zone disregarded (RFC 9051 section 6.4.4). */
export function compareDays(type: 'before' | 'on' | 'since', day: number, wanted: number): boolean {
  if (type === 'before') return day < wanted;
  return type === 'on' ? day === wanted : day >= wanted;
}

/**
 * Decides a key for a message. `leaf` answers keys that the index does not have, undefined where it does not know yet. AND
 * and OR are decided as soon as one side settles them.
 */
export function evaluate(
  facts: SearchFacts,
  message: IndexedMessage,
  key: SearchKey,
  leaf: (key: SearchKey) => Verdict,
): Verdict {
  const { chunk, index, uid } = message;
  const inner = (other: SearchKey) => evaluate(facts, message, other, leaf);
  switch (key.type) {
    case 'all':
      return true;
    case 'flag':
      return hasFlag(facts, message, key.flag) === key.present;
    case 'recent':
      return facts.isRecent(uid);
    case 'old':
      return !facts.isRecent(uid);
    case 'new':
      return facts.isRecent(uid) && !hasFlag(facts, message, '\\Seen');
    case 'before':
    case 'on':
    case 'since':
      if (key.sent) return leaf(key);
      return compareDays(
        key.type,
        Math.floor((chunk.seconds[index] as number) / DAY_SECONDS),
        daysSinceEpoch(key.date),
      );
    case 'larger':
      return (chunk.sizes[index] as number) > key.size;
    case 'smaller':
      return (chunk.sizes[index] as number) < key.size;
    case 'uid':
    case 'sequence':
      return includesNumber(facts.sets.get(key) ?? [], uid);
    case 'modseq':
      return (chunk.modseqs[index] as number) >= key.modSeq;
    case 'not': {
      const verdict = inner(key.key);
      return verdict === undefined ? undefined : !verdict;
    }
    case 'and':
      return all(key.keys, inner);
    case 'or': {
      const left = inner(key.left);
      if (left === true) return true;
      const right = inner(key.right);
      if (right === true) return true;
      return left === undefined || right === undefined ? undefined : false;
    }
    default:
      return leaf(key);
  }
}

function all(keys: readonly SearchKey[], decide: (key: SearchKey) => Verdict): Verdict {
  let verdict: Verdict = true;
  for (const key of keys) {
    const one = decide(key);
    if (one === false) return false;
    if (one === undefined) verdict = undefined;
  }
  return verdict;
}

/** Every key of a tree, the inner ones included. */
export function* eachKey(key: SearchKey): Generator<SearchKey> {
  yield key;
  if (key.type === 'not') yield* eachKey(key.key);
  else if (key.type === 'or') {
    yield* eachKey(key.left);
    yield* eachKey(key.right);
  } else if (key.type === 'and') for (const inner of key.keys) yield* eachKey(inner);
}
