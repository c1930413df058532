import { MAX_NUMBER, type NumberSet, numberSet } from '../mailbox/uid-set.ts';
import { CHAR, CLASSES } from './characters.ts';

/** `*` in a SequenceRanges: the largest number in use. */
export const STAR = 0;

/** `$`: the messages that the last SEARCH with RETURN (SAVE) found (RFC 5182). */
export const SAVED_RESULT = '$';

/** Ranges as they were written, two elements each, `STAR` for `*`: in any order, overlapping, ends swapped. */
export type SequenceRanges = readonly number[];

/** sequence-set of the formal syntax: message numbers or UIDs as a client names them. */
export type SequenceSet = typeof SAVED_RESULT | SequenceRanges;

/**
 * Reads a sequence-set, all of `octets`; undefined when it is none. Numbers are 1 to 4294967295.
 */
export function parseSequenceSet(octets: Uint8Array, from = 0, to: number = octets.length): SequenceSet | undefined {
  if (to - from === 1 && octets[from] === 0x24) return SAVED_RESULT;
  const ranges: number[] = [];
  let at = from;
  let first = -1;
  for (;;) {
    let number = 0;
    if (octets[at] === 0x2a && at < to) {
      number = STAR;
      at++;
    } else {
      const start = at;
      while (at < to && CLASSES[octets[at]!]! & CHAR.digit && number <= MAX_NUMBER) {
        number = number * 10 + octets[at++]! - 0x30;
      }
      if (at === start || octets[start] === 0x30 || number > MAX_NUMBER) return undefined;
    }
    const next = at < to ? octets[at] : 0x2c;
    if (next === 0x3a) {
      if (first >= 0) return undefined;
      first = number;
    } else if (next === 0x2c) {
      ranges.push(first >= 0 ? first : number, number);
      first = -1;
      if (at >= to) return ranges;
    } else return undefined;
    at++;
  }
}

/**
 * The set with `*` put at its place, sorted and disjoint: what the functions on NumberSet take. `max` is the largest
 * number in use, 0 for an empty mailbox, where `*` names nothing. `saved` is what `$` stands for.
 */
export function resolveSequenceSet(set: SequenceSet, max: number, saved: NumberSet = []): NumberSet {
  if (set === SAVED_RESULT) return saved;
  const pairs: [number, number][] = [];
  let ascending = true;
  let previous = -1;
  for (let i = 0; i + 1 < set.length; i += 2) {
    let first = set[i]!;
    let last = set[i + 1]!;
    if (first === STAR) first = max;
    if (last === STAR) last = max;
    if (first === 0 || last === 0) continue;
    if (first > last) [first, last] = [last, first];
    if (first <= previous + 1) ascending = false;
    previous = last;
    pairs.push([first, last]);
  }
  return ascending ? pairs.flat() : numberSet(pairs);
}

/** The largest number that the set names, `*` apart; 0 when there is none. */
export function largestNamed(set: SequenceSet): number {
  if (set === SAVED_RESULT) return 0;
  let largest = 0;
  for (const number of set) if (number > largest) largest = number;
  return largest;
}

/** The set as a command writes it. */
export function formatSequenceSet(set: SequenceSet): string {
  if (set === SAVED_RESULT) return SAVED_RESULT;
  const parts: string[] = [];
  for (let i = 0; i + 1 < set.length; i += 2) {
    const first = set[i]!;
    const last = set[i + 1]!;
    parts.push(first === last ? name(first) : `${name(first)}:${name(last)}`);
  }
  return parts.join(',');
}

function name(number: number): string {
  return number === STAR ? '*' : String(number);
}
