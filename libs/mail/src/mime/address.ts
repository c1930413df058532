import type { EnvelopeAddress } from './types.ts';

/** More are not kept of one field: each costs memory that a hostile header pays with two bytes. */
const MAX_ADDRESSES = 10_000;

const ENDS_ATOM = new Uint8Array(256);
for (let code = 0; code <= 32; code++) ENDS_ATOM[code] = 1;
for (const char of '(),:;<>@"[]\\\x7f') ENDS_ATOM[char.charCodeAt(0)] = 1;

/**
 * Reads an address list (RFC 5322 section 3.4 with the obsolete forms of 4.4): groups, routes, comments, quoted strings.
 * It takes unfolded header text and is linear in it. A group is bracketed by two entries as in {@link EnvelopeAddress};
 * what is no address is kept as far as it can be: a lone word as mailbox, other text as name, with an empty host.
 */
export function parseAddressList(text: string): EnvelopeAddress[] {
  return new AddressReader(text).list();
}

class AddressReader {
  private readonly text: string;
  private at = 0;
  private readonly found: EnvelopeAddress[] = [];
  private inGroup = false;

  private comment: string | undefined;
  /** Words of the phrase or local part read so far, and whether blanks stood before each. */
  private phrase = '';
  private words = 0;
  private spaced = false;

  constructor(text: string) {
    this.text = text;
  }

  list(): EnvelopeAddress[] {
    const { text } = this;
    while (this.at < text.length && this.found.length < MAX_ADDRESSES) this.step(text.charCodeAt(this.at));
    this.endEntry();
    this.endGroup();
    return this.found;
  }

  private step(code: number): void {
    switch (code) {
      case 44: // ,
        this.at++;
        this.endEntry();
        return;
      case 59: // ;
        this.at++;
        this.endEntry();
        this.endGroup();
        return;
      case 58: // :
        this.at++;
        this.startGroup();
        return;
      case 60: // <
        this.at++;
        this.angle();
        return;
      case 64: // @
        this.at++;
        this.bareAddress();
        return;
      default:
        this.word(code);
    }
  }

  /** Takes one word, comment, blank or stray character into the phrase. */
  private word(code: number): void {
    if (code === 40) {
      this.comment = this.readComment();
      this.spaced = true;
    } else if (code === 34) this.append(this.readQuoted());
    else if (ENDS_ATOM[code & 255] === 0) this.append(this.readAtom());
    else {
      this.at++;
      this.spaced ||= code === 32 || code === 9;
    }
  }

  private append(word: string): void {
    this.phrase += this.words > 0 && this.spaced ? ` ${word}` : word;
    this.words++;
    this.spaced = false;
  }

  private reset(): void {
    this.phrase = '';
    this.words = 0;
    this.spaced = false;
    this.comment = undefined;
  }

  /** The end of an entry without an address in it. */
  private endEntry(): void {
    if (this.words > 0) {
      const lone = !this.phrase.includes(' ');
      this.add(lone ? this.comment : this.phrase, undefined, lone ? this.phrase : '', '');
    }
    this.reset();
  }

  private startGroup(): void {
    if (this.inGroup) return;
    this.inGroup = true;
    this.found.push({ name: undefined, adl: undefined, mailbox: this.phrase, host: undefined });
    this.reset();
  }

  private endGroup(): void {
    if (!this.inGroup) return;
    this.inGroup = false;
    this.found.push({ name: undefined, adl: undefined, mailbox: undefined, host: undefined });
  }

  private add(name: string | undefined, adl: string | undefined, mailbox: string, host: string): void {
    this.found.push({ name: name === '' ? undefined : name, adl, mailbox, host });
  }

  /** `local@domain (name)`: the phrase is the local part. */
  private bareAddress(): void {
    const mailbox = this.localPart();
    const host = this.readDomain();
    this.skipTo(44, 59);
    this.add(this.comment, undefined, mailbox, host);
    this.reset();
  }

  /** The words read as a local part: blanks around its dots are obsolete but legal, and carry no meaning. */
  private localPart(): string {
    return this.words > 1 ? this.phrase.replaceAll(' .', '.').replaceAll('. ', '.') : this.phrase;
  }

  /** `name <@route:local@domain>`, behind the opening bracket. */
  private angle(): void {
    const name = this.words > 0 ? this.phrase : undefined;
    this.phrase = '';
    this.words = 0;
    this.spaced = false;
    let adl: string | undefined;
    this.skipBlanks();
    if (this.text.charCodeAt(this.at) === 64) adl = this.readRoute();
    let host = '';
    for (; this.at < this.text.length; ) {
      const code = this.text.charCodeAt(this.at);
      if (code === 62) break;
      if (code === 64) {
        this.at++;
        host = this.readDomain();
        break;
      }
      if (code === 34) this.append(this.readQuoted());
      else if (code === 40) this.readComment();
      else if (ENDS_ATOM[code & 255] === 0) this.append(this.readAtom());
      else if (code === 44 || code === 60) break;
      else {
        this.at++;
        this.spaced ||= code === 32 || code === 9;
      }
    }
    const mailbox = this.localPart();
    this.skipTo(44, 59);
    this.add(name ?? this.comment, adl, mailbox, host);
    this.reset();
  }

  /** `@a,@b:` as the text between the first at sign and the colon. */
  private readRoute(): string | undefined {
    const start = this.at;
    while (this.at < this.text.length) {
      const code = this.text.charCodeAt(this.at);
      if (code === 58) return this.text.slice(start, this.at++).replace(/[ \t]/g, '');
      if (code === 62 || code === 60 || code === 34) break;
      this.at++;
    }
    // No colon: not a route but an address without a local part.
    this.at = start;
    return undefined;
  }

  private readDomain(): string {
    let domain = '';
    let dot = true;
    while (this.at < this.text.length) {
      const code = this.text.charCodeAt(this.at);
      if (code === 32 || code === 9) this.at++;
      else if (code === 40) this.comment = this.readComment();
      else if (code === 91) {
        domain += this.readLiteral();
        dot = false;
      } else if (ENDS_ATOM[code & 255] === 0) {
        const atom = this.readAtom();
        // Without a dot between them, a second word is no part of the domain.
        if (!dot && atom.charCodeAt(0) !== 46) break;
        domain += atom;
        dot = atom.endsWith('.');
      } else break;
    }
    return domain;
  }

  private readLiteral(): string {
    const start = this.at;
    for (this.at++; this.at < this.text.length; this.at++) {
      const code = this.text.charCodeAt(this.at);
      if (code === 92) this.at++;
      else if (code === 93) {
        this.at++;
        break;
      }
    }
    this.at = Math.min(this.at, this.text.length);
    return this.text.slice(start, this.at);
  }

  private readAtom(): string {
    const start = this.at;
    while (this.at < this.text.length && ENDS_ATOM[this.text.charCodeAt(this.at) & 255] === 0) this.at++;
    return this.text.slice(start, this.at);
  }

  private readQuoted(): string {
    this.at++;
    return this.readEscaped(34, -1);
  }

  private readComment(): string {
    this.at++;
    return this.readEscaped(41, 40).trim();
  }

  /** Reads up to the closing character, nested where `open` is given, and takes the backslashes out. */
  private readEscaped(close: number, open: number): string {
    const { text } = this;
    let value = '';
    let start = this.at;
    let depth = 1;
    for (; this.at < text.length; this.at++) {
      const code = text.charCodeAt(this.at);
      if (code === close && --depth === 0) return value + text.slice(start, this.at++);
      if (code === open) depth++;
      else if (code === 92 && this.at + 1 < text.length) {
        value += text.slice(start, this.at++);
        start = this.at;
      }
    }
    return value + text.slice(start);
  }

  private skipBlanks(): void {
    while (this.text.charCodeAt(this.at) === 32 || this.text.charCodeAt(this.at) === 9) this.at++;
  }

  /** Goes to one of two characters, past quoted strings and comments; the last comment is kept as a name. */
  private skipTo(first: number, second: number): void {
    while (this.at < this.text.length) {
      const code = this.text.charCodeAt(this.at);
      if (code === first || code === second) return;
      if (code === 40) this.comment = this.readComment();
      else if (code === 34) this.readQuoted();
      else this.at++;
    }
  }
}
