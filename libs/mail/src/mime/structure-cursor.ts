import { StructureError } from './structure-error.ts';
import { WORDS } from './structure-format.ts';

/** The octets of all words, and where each begins; one more beginning than there are words. */
const WORD_OCTETS = Buffer.from(WORDS.join(''), 'latin1');
const WORD_STARTS = new Uint16Array(WORDS.length + 1);
for (const [index, word] of WORDS.entries()) WORD_STARTS[index + 1] = WORD_STARTS[index]! + word.length;

export function corrupt(): StructureError {
  return new StructureError('corrupt', 'The stored structure is damaged.');
}

/**
 * Walks over the stored octets of a structure (structure-format.ts) without making objects of them. Every method throws a
 * StructureError where the octets cannot be of `encodeStructure`.
 */
export class StructureCursor {
  readonly octets: Uint8Array;
  /** The next octet. */
  at: number;
  /** One past the last octet that belongs to what is walked over. */
  end: number;
  /** The string that was passed last: octets `from` to `to` (not included) of `source`, which are those of `WORDS[word]` or, with -1, the cursor's own. */
  source: Uint8Array;
  from = 0;
  to = 0;
  word = -1;

  constructor(octets: Uint8Array, at: number, end: number) {
    this.octets = octets;
    this.source = octets;
    this.at = at;
    this.end = end;
  }

  number(): number {
    const { octets, end } = this;
    let value = 0;
    let factor = 1;
    for (;;) {
      if (this.at >= end) throw corrupt();
      const octet = octets[this.at++]!;
      if (octet < 128) {
        value += octet * factor;
        break;
      }
      if (factor > 2 ** 42) throw corrupt();
      value += (octet - 128) * factor;
      factor *= 128;
    }
    if (value > Number.MAX_SAFE_INTEGER) throw corrupt();
    return value;
  }

  /** How many entries follow, each of at least `least` octets: a count that cannot be true must not cost memory or time. */
  count(least: number): number {
    const count = this.number();
    if (count * least > this.end - this.at) throw corrupt();
    return count;
  }

  /** Goes over the octets of a section, whose length comes first; returns where they begin. */
  section(): number {
    const length = this.number();
    const start = this.at;
    if (length > this.end - start) throw corrupt();
    this.at = start + length;
    return start;
  }

  /** Goes over a string that may be missing; false when it is. */
  optional(): boolean {
    const number = this.number();
    if (number === 0) return false;
    if (number % 2 === 1) {
      const length = (number - 1) / 2;
      if (length > this.end - this.at) throw corrupt();
      this.source = this.octets;
      this.word = -1;
      this.from = this.at;
      this.to = this.at + length;
      this.at = this.to;
      return true;
    }
    const word = number / 2 - 1;
    if (word >= WORDS.length) throw corrupt();
    this.source = WORD_OCTETS;
    this.word = word;
    this.from = WORD_STARTS[word]!;
    this.to = WORD_STARTS[word + 1]!;
    return true;
  }

  /** Goes over a string that must be there. */
  string(): void {
    if (!this.optional()) throw corrupt();
  }

  /** Goes over a string, which must be there unless it `may` be missing; returns the place where it begins. */
  place(may: 'be-missing' | 'not-be-missing'): number {
    const start = this.at;
    if (!this.optional() && may === 'not-be-missing') throw corrupt();
    return start;
  }
}
