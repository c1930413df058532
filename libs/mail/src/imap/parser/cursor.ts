import { isUtf8 } from 'node:buffer';
import { CHAR, CLASSES } from '../characters.ts';
import { decodeMailboxName } from '../mailbox-name.ts';
import { parseSequenceSet, type SequenceSet } from '../sequence-set.ts';
import { ImapSyntaxError } from '../syntax-error.ts';

const SPACE = 0x20;
const QUOTE = 0x22;
const OPEN = 0x28;
const CLOSE = 0x29;
const BACKSLASH = 0x5c;
const BRACE = 0x7b;

const MAX_UINT32 = 0xffffffff;
const MAX_INT63 = 2n ** 63n - 1n;

/** Reads the tokens of the formal syntax (RFC 9051 section 9) from a whole command, literals in place. */
export class Cursor {
  readonly octets: Buffer;
  readonly end: number;
  /** Mailbox names are UTF-8, not modified UTF-7. */
  readonly utf8: boolean;
  at = 0;

  constructor(octets: Buffer, utf8: boolean) {
    this.octets = octets;
    this.end = octets.length;
    this.utf8 = utf8;
  }

  /** The octet to be read next; -1 at the end. */
  get peek(): number {
    return this.at < this.end ? this.octets[this.at]! : -1;
  }

  get atEnd(): boolean {
    return this.at >= this.end;
  }

  /** Takes the octet if it comes next. */
  accept(octet: number): boolean {
    if (this.at >= this.end || this.octets[this.at] !== octet) return false;
    this.at++;
    return true;
  }

  expect(octet: number): void {
    if (!this.accept(octet)) throw new ImapSyntaxError(`Expected ${nameOf(octet)}`);
  }

  space(): void {
    this.expect(SPACE);
  }

  open(): void {
    this.expect(OPEN);
  }

  /** Spaces before the end are overlooked: some clients leave one. */
  expectEnd(): void {
    while (this.accept(SPACE));
    if (this.at < this.end) throw new ImapSyntaxError('Unexpected text after the command');
  }

  /** As many octets of the class as follow; empty when none does. */
  take(mask: number): string {
    const start = this.at;
    let at = start;
    while (at < this.end && CLASSES[this.octets[at]!]! & mask) at++;
    this.at = at;
    return this.octets.toString('latin1', start, at);
  }

  atom(what: string): string {
    const atom = this.take(CHAR.atom);
    if (atom === '') throw new ImapSyntaxError(`Expected ${what}`);
    return atom;
  }

  /** An atom in upper case. */
  keyword(what: string): string {
    return this.atom(what).toUpperCase();
  }

  /** Takes the keyword, given in upper case, if it comes next as a whole atom. */
  acceptKeyword(keyword: string): boolean {
    const start = this.at;
    if (this.take(CHAR.atom).toUpperCase() === keyword) return true;
    this.at = start;
    return false;
  }

  /** number: 32 bits, unsigned. */
  number(): number {
    const number = this.#digits();
    if (number > MAX_UINT32) throw new ImapSyntaxError('Number out of range');
    return number;
  }

  nonZeroNumber(): number {
    const number = this.number();
    if (number === 0) throw new ImapSyntaxError('Number must not be zero');
    return number;
  }

  /**
   * number64 and mod-sequence-valzer: 63 bits. What a JavaScript number cannot hold exactly becomes
   * Number.MAX_SAFE_INTEGER, which is beyond all that a mailbox has.
   */
  number64(): number {
    return this.#digits();
  }

  astring(): string {
    return decodeText(this.astringOctets());
  }

  astringOctets(): Buffer {
    const octet = this.peek;
    if (octet === QUOTE) return this.#quoted();
    if (octet === BRACE) return this.#literal();
    const start = this.at;
    while (this.at < this.end && CLASSES[this.octets[this.at]!]! & CHAR.astring) this.at++;
    if (this.at === start) throw new ImapSyntaxError('Expected a string');
    return this.octets.subarray(start, this.at);
  }

  /** string: quoted or literal, not an atom. */
  string(): string {
    return decodeText(this.#stringOctets());
  }

  /** nstring; undefined for NIL. */
  nstring(): string | undefined {
    return this.acceptKeyword('NIL') ? undefined : this.string();
  }

  mailbox(): string {
    return this.#mailboxName(this.astringOctets());
  }

  /** list-mailbox. */
  pattern(): string {
    const octet = this.peek;
    if (octet === QUOTE || octet === BRACE) return this.#mailboxName(this.#stringOctets());
    const start = this.at;
    while (this.at < this.end && CLASSES[this.octets[this.at]!]! & CHAR.list) this.at++;
    if (this.at === start) throw new ImapSyntaxError('Expected a mailbox pattern');
    return this.#mailboxName(this.octets.subarray(start, this.at));
  }

  sequenceSet(): SequenceSet {
    const start = this.at;
    if (!this.accept(0x24)) {
      while (this.at < this.end && CLASSES[this.octets[this.at]!]! & CHAR.sequence) this.at++;
    }
    const set = parseSequenceSet(this.octets, start, this.at);
    if (set === undefined) throw new ImapSyntaxError('Invalid sequence set');
    return set;
  }

  /** The rest of a parenthesized list whose `(` was taken: `read` for each element. */
  restOfList(read: () => void, allowEmpty = false): void {
    if (allowEmpty && this.accept(CLOSE)) return;
    do read();
    while (this.accept(SPACE));
    this.expect(CLOSE);
  }

  #mailboxName(octets: Buffer): string {
    if (octets.includes(0)) throw new ImapSyntaxError('NUL in a mailbox name');
    const name = decodeMailboxName(octets, this.utf8);
    if (name === undefined) throw new ImapSyntaxError('Mailbox name is not valid', 'bad-mailbox-name');
    return name;
  }

  #stringOctets(): Buffer {
    const octet = this.peek;
    if (octet === QUOTE) return this.#quoted();
    if (octet === BRACE) return this.#literal();
    throw new ImapSyntaxError('Expected a string');
  }

  #digits(): number {
    const start = this.at;
    let number = 0;
    while (this.at < this.end && CLASSES[this.octets[this.at]!]! & CHAR.digit) {
      number = number * 10 + (this.octets[this.at++]! - 0x30);
    }
    if (this.at === start) throw new ImapSyntaxError('Expected a number');
    if (number <= Number.MAX_SAFE_INTEGER) return number;
    if (this.at - start > 19 || BigInt(this.octets.toString('latin1', start, this.at)) > MAX_INT63) {
      throw new ImapSyntaxError('Number out of range');
    }
    return Number.MAX_SAFE_INTEGER;
  }

  #quoted(): Buffer {
    const start = ++this.at;
    let escapes = 0;
    for (let at = start; at < this.end; at++) {
      const octet = this.octets[at]!;
      if (octet === QUOTE) {
        this.at = at + 1;
        return escapes === 0 ? this.octets.subarray(start, at) : withoutEscapes(this.octets, start, at, escapes);
      }
      if (octet === BACKSLASH) {
        escapes++;
        at++;
      }
      const character = this.octets[at];
      if (character === 0 || character === 0x0a || character === 0x0d) break;
    }
    throw new ImapSyntaxError('Quoted string does not end');
  }

  #literal(): Buffer {
    this.at++;
    const size = this.number();
    this.accept(0x2b);
    this.expect(0x7d);
    this.accept(0x0d);
    this.expect(0x0a);
    const start = this.at;
    if (size > this.end - start) throw new ImapSyntaxError('Literal does not end');
    this.at = start + size;
    const octets = this.octets.subarray(start, this.at);
    if (octets.includes(0)) throw new ImapSyntaxError('NUL in a literal');
    return octets;
  }
}

/** UTF-8; any other octets are an error. */
export function decodeText(octets: Buffer): string {
  if (!isUtf8(octets)) throw new ImapSyntaxError('String is not UTF-8');
  return octets.toString('utf8');
}

function withoutEscapes(octets: Buffer, start: number, end: number, escapes: number): Buffer {
  const out = Buffer.allocUnsafe(end - start - escapes);
  for (let at = start, to = 0; at < end; at++) {
    if (octets[at] === BACKSLASH) at++;
    out[to++] = octets[at]!;
  }
  return out;
}

function nameOf(octet: number): string {
  if (octet === SPACE) return 'a space';
  if (octet === 0x0a) return 'a line end';
  return `"${String.fromCharCode(octet)}"`;
}
