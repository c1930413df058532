import {
  eachRun,
  FLAG,
  findRange,
  hasKeyword,
  includesNumber,
  MAX_NUMBER,
  type MessageRun,
  type NumberSet,
  overlapsRange,
  type SearchKey,
} from '@stoa/mail';

/**
 * What is known of a message and a search key. In this order AND is the least of its keys, OR the greatest, and NOT
 * turns the scale round.
 */
export const FALSE = 0;
export const UNKNOWN = 1;
export const TRUE = 2;
export type Verdict = typeof FALSE | typeof UNKNOWN | typeof TRUE;

/** The verdicts of a run's messages differ, or may. */
export const MIXED = 3;
export type RunVerdict = Verdict | typeof MIXED;

/** Messages of a run at most: those of one chunk of the index. */
const MAX_RUN = 256;

/** A search key that judges messages of the index, a run at a time. */
export abstract class Test {
  /** Keys that cost less are asked first. */
  abstract readonly cost: number;
  /** Verdicts of the last run that was mixed, from its first message on. */
  readonly verdicts = new Uint8Array(MAX_RUN);

  /** The verdict of all messages of a run, where it is told without a look at each; else MIXED, and those of each are in `verdicts`. */
  abstract judge(run: MessageRun): RunVerdict;
}

export class Constant extends Test {
  readonly cost = 0;
  readonly #verdict: Verdict;

  constructor(verdict: Verdict) {
    super();
    this.#verdict = verdict;
  }

  judge(): RunVerdict {
    return this.#verdict;
  }
}

/** Messages whose UIDs are in a set. Asked first: it passes over whole chunks without a look into them. */
export class InSet extends Test {
  readonly cost = 1;
  readonly #set: NumberSet;

  constructor(set: NumberSet) {
    super();
    this.#set = set;
  }

  judge({ chunk, from, to }: MessageRun): RunVerdict {
    const set = this.#set;
    if (!overlapsRange(set, chunk.firstUid, chunk.lastUid)) return FALSE;
    const { uids } = chunk;
    let at = findRange(set, uids[from] as number);
    for (let i = from; i < to; i++) {
      const uid = uids[i] as number;
      while (at < set.length && (set[at + 1] as number) < uid) at += 2;
      this.verdicts[i - from] = at < set.length && (set[at] as number) <= uid ? TRUE : FALSE;
    }
    return MIXED;
  }
}

export class HasSystemFlag extends Test {
  readonly cost = 2;
  readonly #bit: number;

  constructor(bit: number) {
    super();
    this.#bit = bit;
  }

  judge({ chunk, from, to }: MessageRun): RunVerdict {
    const { flags } = chunk;
    for (let i = from; i < to; i++) this.verdicts[i - from] = ((flags[i] as number) & this.#bit) === 0 ? FALSE : TRUE;
    return MIXED;
  }
}

export class HasKeyword extends Test {
  readonly cost = 2;
  readonly #number: number;

  constructor(number: number) {
    super();
    this.#number = number;
  }

  judge({ chunk, from, to }: MessageRun): RunVerdict {
    const { flags, keywordsHigh } = chunk;
    for (let i = from; i < to; i++) {
      const has = hasKeyword(flags[i] as number, keywordsHigh[i] as number, this.#number);
      this.verdicts[i - from] = has ? TRUE : FALSE;
    }
    return MIXED;
  }
}

export class IsRecent extends Test {
  readonly cost = 2;
  readonly #isRecent: (uid: number) => boolean;

  constructor(isRecent: (uid: number) => boolean) {
    super();
    this.#isRecent = isRecent;
  }

  judge({ chunk, from, to }: MessageRun): RunVerdict {
    const { uids } = chunk;
    for (let i = from; i < to; i++) this.verdicts[i - from] = this.#isRecent(uids[i] as number) ? TRUE : FALSE;
    return MIXED;
  }
}

/** Numbers of a column from `least` on and below `below`. */
export class InColumn extends Test {
  readonly cost = 2;
  readonly #column: 'sizes' | 'seconds' | 'modseqs';
  readonly #least: number;
  readonly #below: number;

  constructor(column: 'sizes' | 'seconds' | 'modseqs', least: number, below: number) {
    super();
    this.#column = column;
    this.#least = least;
    this.#below = below;
  }

  judge({ chunk, from, to }: MessageRun): RunVerdict {
    if (this.#column === 'modseqs' && chunk.maxModseq < this.#least) return FALSE;
    const column = chunk[this.#column];
    for (let i = from; i < to; i++) {
      const number = column[i] as number;
      this.verdicts[i - from] = number >= this.#least && number < this.#below ? TRUE : FALSE;
    }
    return MIXED;
  }
}

export class Not extends Test {
  readonly cost: number;
  readonly #test: Test;

  constructor(test: Test) {
    super();
    this.#test = test;
    this.cost = test.cost;
  }

  judge(run: MessageRun): RunVerdict {
    const verdict = this.#test.judge(run);
    if (verdict !== MIXED) return (TRUE - verdict) as Verdict;
    const { verdicts } = this.#test;
    for (let i = run.to - run.from - 1; i >= 0; i--) this.verdicts[i] = TRUE - (verdicts[i] as number);
    return MIXED;
  }
}

/** AND and OR. A run that is settled by some keys is not shown to the others. */
export class Both extends Test {
  readonly cost: number;
  readonly #tests: readonly Test[];
  readonly #settled: Verdict;

  constructor(tests: readonly Test[], kind: 'and' | 'or') {
    super();
    this.#tests = tests.toSorted((a, b) => a.cost - b.cost);
    this.#settled = kind === 'and' ? FALSE : TRUE;
    this.cost = tests.reduce((sum, { cost }) => sum + cost, 0);
  }

  judge(run: MessageRun): RunVerdict {
    const count = run.to - run.from;
    const { verdicts } = this;
    const settled = this.#settled;
    const stronger = (a: number, b: number) => (settled === FALSE ? a < b : a > b);
    let all: RunVerdict = settled === FALSE ? TRUE : FALSE;
    for (const test of this.#tests) {
      const verdict = test.judge(run);
      if (verdict !== MIXED && all !== MIXED) {
        if (stronger(verdict, all)) all = verdict;
        if (all === settled) return settled;
        continue;
      }
      if (verdict === settled) return settled;
      if (all !== MIXED) verdicts.fill(all, 0, count);
      all = MIXED;
      let open = false;
      for (let i = 0; i < count; i++) {
        const other = verdict === MIXED ? (test.verdicts[i] as number) : verdict;
        if (stronger(other, verdicts[i] as number)) verdicts[i] = other;
        if (verdicts[i] !== settled) open = true;
      }
      if (!open) return settled;
    }
    return all;
  }
}

/** Keys that need more of a message than its row of the index. */
export type ContentKey = Extract<SearchKey, { value: unknown }> | Extract<SearchKey, { sent: boolean }>;

/** A key on the content of messages: not known before the message was looked at, unless the full-text index says no. */
export class Content extends Test {
  readonly cost = 1000;
  readonly key: ContentKey;
  /** Of the one message that is looked at. */
  fact: Verdict = UNKNOWN;
  #candidates: NumberSet | undefined;
  #indexedTo = 0;

  constructor(key: ContentKey) {
    super();
    this.key = key;
  }

  /** Of the messages up to a UID only these can have it. */
  narrow(candidates: NumberSet, indexedTo: number): void {
    this.#candidates = candidates;
    this.#indexedTo = indexedTo;
  }

  /** What the full-text index knows of a message. */
  foreseen(uid: number): Verdict {
    if (this.#candidates === undefined || uid > this.#indexedTo) return UNKNOWN;
    return includesNumber(this.#candidates, uid) ? UNKNOWN : FALSE;
  }

  judge({ chunk, from, to }: MessageRun): RunVerdict {
    if (this.fact !== UNKNOWN || this.#candidates === undefined) return this.fact;
    if (chunk.lastUid <= this.#indexedTo && !overlapsRange(this.#candidates, chunk.firstUid, chunk.lastUid))
      return FALSE;
    // Up to the mark none but the candidates, beyond it all of them.
    const beyond = Math.min(to, Math.max(from, chunk.lowerBound(Math.min(this.#indexedTo + 1, MAX_NUMBER))));
    const { verdicts } = this;
    verdicts.fill(FALSE, 0, beyond - from);
    verdicts.fill(UNKNOWN, beyond - from, to - from);
    eachRun(chunk, this.#candidates, (first, last) => {
      for (let i = Math.max(first, from); i < Math.min(last, to); i++) verdicts[i - from] = UNKNOWN;
    });
    return MIXED;
  }
}

/** Bits of the system flags by their names in lower case. */
export const SYSTEM_FLAG_BITS: ReadonlyMap<string, number> = new Map(
  Object.entries(FLAG).map(([name, bit]) => [`\\${name}`, bit]),
);
