import { CHAR, CLASSES } from '../characters.ts';
import { putDecimal } from './decimal.ts';

/** Octets that a quoted string shows as they are, by themselves: the loop over every octet that is sent asks for nothing else. */
const QUOTABLE = CLASSES.map((classes) => classes & CHAR.quotable);

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const QUESTION = 0x3f;

/** Longer strings are sent as literals: clients read lines into buffers of their own size. */
const MAX_QUOTED = 4096;

/** Up to so many characters a loop is cheaper than the call that writes any number of them. */
const MAX_LOOPED = 32;

/** Numbers for which room is made in one go. */
const NUMBERS_AT_ONCE = 64;

/** `{`, the digits of a number below 2^53, `}`, CR and LF. */
const LITERAL_HEADER = 20;

/**
 * Builds response octets. Methods return the writer, so that calls can be chained. `take` hands the octets over;
 * a writer that is used again after `reset` keeps its memory.
 */
export class ByteWriter {
  #octets: Buffer;
  #length = 0;

  constructor(capacity = 512) {
    this.#octets = Buffer.allocUnsafe(capacity);
  }

  get length(): number {
    return this.#length;
  }

  /** What was written so far; valid until the next call of any other method. */
  view(): Buffer {
    return this.#octets.subarray(0, this.#length);
  }

  /** What was written so far, as octets of the caller's own. The writer starts anew. */
  take(): Buffer {
    const octets = Buffer.from(this.view());
    this.#length = 0;
    return octets;
  }

  reset(): this {
    return this.truncate(0);
  }

  /** Takes back what was written behind the first `length` octets. */
  truncate(length: number): this {
    this.#length = length;
    return this;
  }

  /** The buffer to write `count` octets into at `length`; `advance` says how many were written. */
  reserve(count: number): Buffer {
    const needed = this.#length + count;
    if (needed > this.#octets.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, this.#octets.length * 2));
      this.#octets.copy(larger, 0, 0, this.#length);
      this.#octets = larger;
    }
    return this.#octets;
  }

  advance(count: number): this {
    this.#length += count;
    return this;
  }

  byte(octet: number): this {
    this.reserve(1)[this.#length++] = octet;
    return this;
  }

  octets(octets: Uint8Array): this {
    this.reserve(octets.length).set(octets, this.#length);
    this.#length += octets.length;
    return this;
  }

  /** Text of which each character is one octet; what goes on the wire as it is. */
  raw(text: string): this {
    const octets = this.reserve(text.length);
    this.#putText(octets, this.#length, text);
    this.#length += text.length;
    return this;
  }

  #putText(octets: Buffer, at: number, text: string): void {
    if (text.length > MAX_LOOPED) octets.write(text, at, 'latin1');
    else for (let i = 0; i < text.length; i++) octets[at + i] = text.charCodeAt(i);
  }

  /** Text in UTF-8, as it is. */
  utf8(text: string): this {
    this.#length += this.reserve(text.length * 3).write(text, this.#length, 'utf8');
    return this;
  }

  /** A non-negative integer below 2^53. */
  number(number: number): this {
    this.#length = putDecimal(this.reserve(LITERAL_HEADER), this.#length, number);
    return this;
  }

  /** Every number from `first` to `last`, with a space before each. */
  numbers(first: number, last: number): this {
    for (let number = first; number <= last; ) {
      const octets = this.reserve(NUMBERS_AT_ONCE * LITERAL_HEADER);
      let at = this.#length;
      for (const end = Math.min(last, number + NUMBERS_AT_ONCE - 1); number <= end; number++) {
        octets[at++] = 0x20;
        at = putDecimal(octets, at, number);
      }
      this.#length = at;
    }
    return this;
  }

  nil(): this {
    const octets = this.reserve(3);
    octets[this.#length] = 0x4e;
    octets[this.#length + 1] = 0x49;
    octets[this.#length + 2] = 0x4c;
    this.#length += 3;
    return this;
  }

  /** string: quoted where that is possible, else a literal. Each character of `text` is one octet. */
  string(text: string): this {
    // The text is put down behind all that writing it takes, and read from there.
    const room = roomOfString(text.length);
    const octets = this.reserve(room + text.length);
    const from = this.#length + room;
    this.#putText(octets, from, text);
    return this.stringOf(octets, from, from + text.length);
  }

  /** nstring: NIL for undefined. */
  nstring(text: string | undefined): this {
    return text === undefined ? this.nil() : this.string(text);
  }

  /** string: octets `from` to `to` (not included) of the source, quoted where that is possible, else a literal. */
  stringOf(source: Uint8Array, from: number, to: number): this {
    const octets = this.reserve(roomOfString(to - from));
    if (to - from <= MAX_QUOTED) {
      let at = this.#length;
      let i = from;
      octets[at++] = QUOTE;
      for (; i < to; i++) {
        const octet = source[i]!;
        if (QUOTABLE[octet] === 0) {
          if (octet !== QUOTE && octet !== BACKSLASH) break;
          octets[at++] = BACKSLASH;
        }
        octets[at++] = octet;
      }
      if (i === to) {
        octets[at++] = QUOTE;
        this.#length = at;
        return this;
      }
    }
    // NUL must not be in a literal (RFC 9051 section 9, CHAR8) and becomes a question mark.
    this.literalHeader(to - from);
    let at = this.#length;
    for (let i = from; i < to; i++) octets[at++] = source[i] === 0 ? QUESTION : source[i]!;
    this.#length = at;
    return this;
  }

  /** astring: an atom where that is possible, else a string. Each character of `text` is one octet. */
  astring(text: string): this {
    return isAtom(text) ? this.raw(text) : this.string(text);
  }

  /** Text in UTF-8 as a quoted string: for mailbox names after ENABLE IMAP4rev2 or UTF8=ACCEPT (RFC 6855). */
  quotedUtf8(text: string): this {
    return this.byte(QUOTE)
      .utf8(text.replaceAll(/["\\]/g, '\\$&').replaceAll(/[\0\r\n]/g, '?'))
      .byte(QUOTE);
  }

  /** The announcement of a literal whose octets the caller sends. */
  literalHeader(size: number): this {
    return this.byte(0x7b).number(size).raw('}\r\n');
  }
}

/** Octets that a string of so many takes at most, as it is quoted or as a literal. */
function roomOfString(length: number): number {
  return LITERAL_HEADER + (length > MAX_QUOTED ? length : 2 * length);
}

function isAtom(text: string): boolean {
  if (text.length === 0 || text.length > 255) return false;
  for (let i = 0; i < text.length; i++) if ((CLASSES[text.charCodeAt(i) & 0xff]! & CHAR.astring) === 0) return false;
  return text.length !== 3 || text.toUpperCase() !== 'NIL';
}
