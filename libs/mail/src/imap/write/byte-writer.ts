import { CHAR, CLASSES } from '../characters.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Longer strings are sent as literals: clients read lines into buffers of their own size. */
const MAX_QUOTED = 4096;

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
    this.#length = 0;
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
    this.#length += this.reserve(text.length).write(text, this.#length, 'latin1');
    return this;
  }

  /** Text in UTF-8, as it is. */
  utf8(text: string): this {
    this.#length += this.reserve(text.length * 3).write(text, this.#length, 'utf8');
    return this;
  }

  number(number: number): this {
    return this.raw(String(number));
  }

  /** string: quoted where that is possible, else a literal. Each character of `text` is one octet. */
  string(text: string): this {
    return isQuotable(text) ? this.#quoted(text) : this.#literal(text);
  }

  /** nstring: NIL for undefined. */
  nstring(text: string | undefined): this {
    return text === undefined ? this.raw('NIL') : this.string(text);
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

  #quoted(text: string): this {
    const octets = this.reserve(text.length * 2 + 2);
    let at = this.#length;
    octets[at++] = QUOTE;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit === QUOTE || unit === BACKSLASH) octets[at++] = BACKSLASH;
      octets[at++] = unit;
    }
    octets[at++] = QUOTE;
    this.#length = at;
    return this;
  }

  /** NUL must not be in a literal (RFC 9051 section 9, CHAR8) and becomes a question mark. */
  #literal(text: string): this {
    return this.literalHeader(text.length).raw(text.includes('\0') ? text.replaceAll('\0', '?') : text);
  }
}

function isQuotable(text: string): boolean {
  if (text.length > MAX_QUOTED) return false;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if ((CLASSES[unit & 0xff]! & CHAR.quotable) === 0 && unit !== QUOTE && unit !== BACKSLASH) return false;
  }
  return true;
}

function isAtom(text: string): boolean {
  if (text.length === 0 || text.length > 255) return false;
  for (let i = 0; i < text.length; i++) if ((CLASSES[text.charCodeAt(i) & 0xff]! & CHAR.astring) === 0) return false;
  return text.length !== 3 || text.toUpperCase() !== 'NIL';
}
