/** System flags as bits of the flag word (RFC 9051 section 2.3.2); the same bits in the contracts. */
export const FLAG = { seen: 1, answered: 2, flagged: 4, deleted: 8, draft: 16 } as const;

/** All system flags. */
export const SYSTEM_FLAGS = 31;

/** Bits 5 to 7 of the flag word are reserved; keyword 0 is bit 8. */
const FIRST_KEYWORD_BIT = 8;
const LOW_KEYWORDS = 32 - FIRST_KEYWORD_BIT;

/** Keywords that a mailbox can have: 24 in the flag word, 32 in the second word. */
export const MAX_KEYWORDS = LOW_KEYWORDS + 32;

/** A message's flags: system flags and keywords 0 to 23 in `low`, keywords 24 to 55 in `high`. Both unsigned. */
export interface FlagWords {
  low: number;
  high: number;
}

/** The words in which only these keywords, given by their numbers, are set. */
export function keywordWords(numbers: Iterable<number>): FlagWords {
  let low = 0;
  let high = 0;
  for (const number of numbers) {
    if (number < LOW_KEYWORDS) low |= 1 << (number + FIRST_KEYWORD_BIT);
    else high |= 1 << (number - LOW_KEYWORDS);
  }
  return { low: low >>> 0, high: high >>> 0 };
}

/** Numbers of the keywords that are set, ascending. */
export function keywordNumbers(low: number, high: number): number[] {
  const numbers: number[] = [];
  for (let bits = low >>> FIRST_KEYWORD_BIT, number = 0; bits !== 0; bits >>>= 1, number++) {
    if (bits & 1) numbers.push(number);
  }
  for (let bits = high >>> 0, number = LOW_KEYWORDS; bits !== 0; bits >>>= 1, number++) {
    if (bits & 1) numbers.push(number);
  }
  return numbers;
}

/** Whether keyword `number` is set. */
export function hasKeyword(low: number, high: number, number: number): boolean {
  return number < LOW_KEYWORDS
    ? (low & (1 << (number + FIRST_KEYWORD_BIT))) !== 0
    : (high & (1 << (number - LOW_KEYWORDS))) !== 0;
}

/**
 * Number of each name in a mailbox's table of keywords, without regard to ASCII case; -1 where it has none.
 */
export function keywordIndex(table: readonly string[], names: readonly string[]): number[] {
  if (names.length === 0) return [];
  const lower = table.map((name) => name.toLowerCase());
  return names.map((name) => lower.indexOf(name.toLowerCase()));
}
