import { INBOX } from './mailbox-name.ts';

const SEPARATOR = 0x2f;
const ANY = 0x2a;
const ANY_IN_LEVEL = 0x25;

/**
 * A pattern of LIST and LSUB (RFC 9051 section 6.3.9): `*` stands for any characters, `%` for any but the separator.
 * Matching follows all possible places in the pattern at once, so that its time is at most the product of both lengths,
 * whatever the pattern; a pattern with more literal characters than the name ends at once.
 */
export class ListPattern {
  readonly #units: Uint16Array;
  readonly #least: number;
  readonly #exact: string | undefined;
  #places: Uint32Array | undefined;
  #next: Uint32Array | undefined;

  /** `reference` is put before the pattern, as it is. */
  constructor(pattern: string, reference = '') {
    const units = collapse(reference + pattern);
    this.#units = Uint16Array.from(units);
    this.#least = units.reduce((count, unit) => (isWildcard(unit) ? count : count + 1), 0);
    this.#exact = this.#least === units.length ? reference + pattern : undefined;
  }

  /** Whether the whole name matches. INBOX as the first level matches in any case. */
  matches(name: string): boolean {
    const length = name.length;
    if (length < this.#least) return false;
    const folded = foldedPrefix(name);
    if (this.#exact !== undefined && folded === 0) return this.#exact === name;
    const units = this.#units;
    const end = units.length;
    if (end === 1 && units[0] === ANY) return true;
    // Places in the pattern that the name read so far can have reached; ascending, without doubles.
    this.#places ??= new Uint32Array(end + 1);
    this.#next ??= new Uint32Array(end + 1);
    let places = this.#places;
    let next = this.#next;
    let count = close(units, places, 0, 0);
    for (let i = 0; i < length; i++) {
      let unit = name.charCodeAt(i);
      const fold = i < folded;
      if (fold) unit = upper(unit);
      let nextCount = 0;
      for (let k = 0; k < count; k++) {
        const place = places[k]!;
        if (place === end) continue;
        const wanted = units[place]!;
        if (wanted === ANY || (wanted === ANY_IN_LEVEL && unit !== SEPARATOR)) {
          nextCount = close(units, next, nextCount, place);
        } else if (wanted !== ANY_IN_LEVEL && (fold ? upper(wanted) : wanted) === unit) {
          nextCount = close(units, next, nextCount, place + 1);
        }
      }
      if (nextCount === 0) return false;
      const spare = places;
      places = next;
      next = spare;
      count = nextCount;
    }
    return places[count - 1] === end;
  }
}

/** Adds a place and those after it that need no character; the last of `places` is the highest so far. */
function close(units: Uint16Array, places: Uint32Array, count: number, place: number): number {
  let at = place;
  let size = count;
  const last = size > 0 ? places[size - 1]! : -1;
  for (;;) {
    if (at > last) places[size++] = at;
    if (at >= units.length || !isWildcard(units[at]!)) return size;
    at++;
  }
}

/** UTF-16 units of the pattern; wildcards side by side become one. */
function collapse(pattern: string): number[] {
  const units: number[] = [];
  for (let i = 0; i < pattern.length; i++) {
    const unit = pattern.charCodeAt(i);
    const before = units.at(-1);
    if (isWildcard(unit) && before !== undefined && isWildcard(before)) {
      if (unit === ANY) units[units.length - 1] = ANY;
    } else units.push(unit);
  }
  return units;
}

function isWildcard(unit: number): boolean {
  return unit === ANY || unit === ANY_IN_LEVEL;
}

function upper(unit: number): number {
  return unit >= 0x61 && unit <= 0x7a ? unit - 0x20 : unit;
}

/** How many units at the name's start are compared without regard to case. */
function foldedPrefix(name: string): number {
  const inbox = name.length === INBOX.length || name.charCodeAt(INBOX.length) === SEPARATOR;
  return inbox && name.slice(0, INBOX.length).toUpperCase() === INBOX ? INBOX.length : 0;
}
