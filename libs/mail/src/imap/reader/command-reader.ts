import type { AppendCommand } from '../command.ts';
import { announcesMessage } from '../parser/append.ts';
import { parseCommand, readTag } from '../parser/parse-command.ts';
import { ImapSyntaxError } from '../syntax-error.ts';
import { IMAP_LIMITS, type ImapReaderEvent, type ImapReaderLimits } from './events.ts';
import { InputBuffer } from './input-buffer.ts';
import { literalHeader, MAX_HEADER } from './literal-header.ts';

/** What the octets to be read next are. */
type State = 'command' | 'line' | 'decision' | 'body' | 'append-end' | 'skip-octets' | 'skip-line' | 'dead';

/** Octets that may follow the message of an APPEND: a parenthesis at most, and the line end. */
const MAX_APPEND_END = 16;

/**
 * Cuts what a client sends into commands (RFC 9051 section 2.2), however the octets are split: `push` what was read,
 * then take events with `next` until there is none. Lines end with CRLF or a bare LF. Memory is bounded by the limits
 * plus the chunks pushed, provided that no more is pushed before `next` returned undefined.
 *
 * Commands come one by one: a server that calls `next` after it has answered keeps pipelined commands in order.
 */
export class ImapCommandReader {
  /** Mailbox names are UTF-8: set after ENABLE IMAP4rev2 or UTF8=ACCEPT. */
  utf8 = false;
  readonly #input = new InputBuffer();
  #limits: ImapReaderLimits;
  #state: State = 'command';
  /** Offset of the line being read in the command; beyond the input while a literal is coming. */
  #line = 0;
  /** No line feed before this offset. */
  #scanned = 0;
  #lineOctets = 0;
  #literalOctets = 0;
  #literals = 0;
  #append: AppendCommand | undefined;
  /** Octets to come of a message or of a literal that is skipped. */
  #remaining = 0;
  #maxLine = 0;
  #skipped = 0;
  #skipLiterals = true;
  /** What to report when all of a wrong command is skipped. */
  #report: ImapReaderEvent | undefined;

  constructor(limits: Partial<ImapReaderLimits> = {}) {
    this.#limits = { ...IMAP_LIMITS, ...limits };
  }

  setLimits(limits: Partial<ImapReaderLimits>): void {
    this.#limits = { ...this.#limits, ...limits };
  }

  /** Adds what was read. The chunk is kept and must not be changed. */
  push(chunk: Uint8Array): void {
    if (this.#state !== 'dead') this.#input.push(chunk);
  }

  /** Octets that no event has taken yet. */
  get unread(): number {
    return this.#input.length;
  }

  /** Whether there are such octets: `next` may have an event without more from the network. */
  get hasPending(): boolean {
    return this.#input.length > 0;
  }

  /** No command has begun that has not ended. */
  get betweenCommands(): boolean {
    return this.#state === 'command' && this.#input.length === 0;
  }

  /** The next `line` event is a line as it is, of at most `maxOctets`: an answer in AUTHENTICATE, DONE in IDLE. */
  expectLine(maxOctets: number): void {
    if (this.#state !== 'command' || this.#line !== 0) throw new Error('a command is being read');
    this.#state = 'line';
    this.#maxLine = maxOctets;
  }

  /** The message of the `append` event is wanted. */
  acceptAppend(): void {
    this.#decided('body').#remaining = this.#append!.size;
  }

  /** It is not: if the client sends it without waiting, it is skipped. The next event is that of the next command. */
  rejectAppend(): void {
    const { size, synchronizing } = this.#append!;
    if (synchronizing) this.#decided('command');
    else this.#decided('skip-octets').#beginSkip(size, undefined);
  }

  /**
   * Takes away all that was read and not used. After STARTTLS it must not be read as commands: it came without
   * protection (RFC 9051 section 6.2.1).
   */
  takeUnread(): Buffer {
    const unread = Buffer.from(this.#input.slice(0, this.#input.length));
    this.#input.skip(unread.length);
    this.#newCommand();
    return unread;
  }

  /** The next event; undefined: more must be pushed first, or an APPEND be decided. */
  next(): ImapReaderEvent | undefined {
    for (;;) {
      const event = this.#step();
      if (event !== 'again') return event;
    }
  }

  #step(): ImapReaderEvent | undefined | 'again' {
    switch (this.#state) {
      case 'command':
        return this.#readCommand();
      case 'line':
        return this.#readLine();
      case 'body':
        return this.#readBody();
      case 'append-end':
        return this.#readAppendEnd();
      case 'skip-octets':
        return this.#skipOctets();
      case 'skip-line':
        return this.#skipLine();
      case 'decision':
      case 'dead':
        return undefined;
    }
  }

  #readCommand(): ImapReaderEvent | undefined | 'again' {
    const input = this.#input;
    const line = this.#line;
    const lineFeed = input.lineFeed(this.#scanned);
    const seen = lineFeed < 0 ? input.length : lineFeed;
    this.#scanned = Math.max(this.#scanned, seen);
    if (this.#lineOctets + seen - line > this.#limits.lineOctets) {
      return this.#fail(new ImapSyntaxError('Command line too long', 'line-too-long'), line, undefined);
    }
    if (lineFeed < 0) return undefined;
    const end = this.#lineEnd(line, lineFeed);
    const literal = literalHeader(input, line, end);
    const octets = input.slice(0, end);
    if (literal === undefined) {
      input.skip(lineFeed + 1);
      this.#newCommand();
      return this.#parse(octets);
    }
    const after = lineFeed + 1;
    if (announcesMessage(octets, this.#literals)) return this.#readAppend(octets, after, literal);
    if (this.#literalOctets + literal.size > this.#limits.literalOctets) {
      return this.#fail(new ImapSyntaxError('Literal too large', 'literal-too-large'), after, literal);
    }
    this.#lineOctets += after - line;
    this.#literalOctets += literal.size;
    this.#literals++;
    this.#line = after + literal.size;
    this.#scanned = this.#line;
    return literal.synchronizing ? { type: 'continue' } : 'again';
  }

  #parse(octets: Buffer): ImapReaderEvent {
    try {
      const command = parseCommand(octets, this.utf8);
      if (command.name === 'APPEND') throw new ImapSyntaxError('Expected a literal', 'syntax', command.tag);
      return { type: 'command', command };
    } catch (error) {
      if (error instanceof ImapSyntaxError) return { type: 'error', error, fatal: false };
      throw error;
    }
  }

  #readAppend(
    octets: Buffer,
    after: number,
    literal: { size: number; synchronizing: boolean },
  ): ImapReaderEvent | undefined | 'again' {
    try {
      const command = parseCommand(octets, this.utf8) as AppendCommand;
      if (literal.size > Number.MAX_SAFE_INTEGER) {
        throw new ImapSyntaxError('Message too large', 'literal-too-large', command.tag);
      }
      this.#input.skip(after);
      this.#newCommand();
      this.#append = command;
      this.#state = 'decision';
      return { type: 'append', command };
    } catch (error) {
      if (error instanceof ImapSyntaxError) return this.#fail(error, after, literal);
      throw error;
    }
  }

  #readLine(): ImapReaderEvent | undefined | 'again' {
    const lineFeed = this.#input.lineFeed(this.#scanned);
    const seen = lineFeed < 0 ? this.#input.length : lineFeed;
    this.#scanned = seen;
    const end = lineFeed < 0 ? seen - 1 : this.#lineEnd(0, lineFeed);
    if (end > this.#maxLine) {
      const error = new ImapSyntaxError('Line too long', 'line-too-long');
      this.#beginSkip(0, { type: 'error', error, fatal: false });
      this.#skipLiterals = false;
      return 'again';
    }
    if (lineFeed < 0) return undefined;
    const line = this.#input.slice(0, end);
    this.#input.skip(lineFeed + 1);
    this.#newCommand();
    return { type: 'line', line };
  }

  #readBody(): ImapReaderEvent | undefined | 'again' {
    if (this.#remaining === 0) {
      this.#state = 'append-end';
      return 'again';
    }
    const count = Math.min(this.#remaining, this.#input.length);
    if (count === 0) return undefined;
    const octets = this.#input.slice(0, count);
    this.#input.skip(count);
    this.#remaining -= count;
    return { type: 'body', octets };
  }

  #readAppendEnd(): ImapReaderEvent | undefined | 'again' {
    const lineFeed = this.#input.lineFeed(0);
    const seen = lineFeed < 0 ? this.#input.length : lineFeed;
    if (lineFeed < 0 && seen <= MAX_APPEND_END) return undefined;
    const { tag, utf8 } = this.#append!;
    const rest = seen <= MAX_APPEND_END ? this.#input.slice(0, this.#lineEnd(0, seen)).toString('latin1') : undefined;
    if (rest?.trimEnd() !== (utf8 ? ')' : '')) {
      const error = new ImapSyntaxError('Unexpected text after the message', 'syntax', tag);
      this.#beginSkip(0, { type: 'append-end', error });
      return 'again';
    }
    this.#input.skip(lineFeed + 1);
    this.#newCommand();
    return { type: 'append-end', error: undefined };
  }

  #skipOctets(): ImapReaderEvent | undefined | 'again' {
    const count = Math.min(this.#remaining, this.#input.length);
    this.#input.skip(count);
    this.#remaining -= count;
    if (this.#remaining > 0) return undefined;
    this.#state = 'skip-line';
    return 'again';
  }

  #skipLine(): ImapReaderEvent | undefined | 'again' {
    const input = this.#input;
    const lineFeed = input.lineFeed(this.#scanned);
    if (lineFeed < 0) {
      // The end of the line may announce a literal, so the last octets stay.
      const count = Math.max(0, input.length - MAX_HEADER);
      input.skip(count);
      this.#scanned = input.length;
      return this.#countSkipped(count) ? undefined : this.#die();
    }
    const literal = literalHeader(input, 0, this.#lineEnd(0, lineFeed));
    input.skip(lineFeed + 1);
    this.#scanned = 0;
    if (!this.#countSkipped(lineFeed + 1)) return this.#die();
    if (this.#skipLiterals && literal !== undefined && !literal.synchronizing) {
      if (!this.#countSkipped(literal.size)) return this.#die();
      this.#remaining = literal.size;
      this.#state = 'skip-octets';
      return 'again';
    }
    const report = this.#report;
    this.#newCommand();
    return report ?? 'again';
  }

  /**
   * The command is wrong. Skips its octets up to offset `read`, where `literal` was announced or, if it was not, where
   * the rest of its line stands; then reports.
   */
  #fail(
    error: ImapSyntaxError,
    read: number,
    literal: { size: number; synchronizing: boolean } | undefined,
  ): ImapReaderEvent | 'again' {
    error.tag ??= readTag(this.#input.slice(0, Math.min(read || this.#input.length, this.#limits.lineOctets)));
    const report: ImapReaderEvent = { type: 'error', error, fatal: false };
    this.#input.skip(read);
    // A client that waits for a continuation request has its answer and sends no more of the command.
    if (literal?.synchronizing) {
      this.#newCommand();
      return report;
    }
    this.#beginSkip(literal?.size ?? 0, report);
    return this.#countSkipped(this.#remaining) ? 'again' : this.#die();
  }

  #beginSkip(octets: number, report: ImapReaderEvent | undefined): void {
    this.#newCommand();
    this.#state = 'skip-octets';
    this.#remaining = octets;
    this.#report = report;
  }

  #countSkipped(octets: number): boolean {
    this.#skipped += octets;
    return this.#skipped <= this.#limits.skipOctets;
  }

  #die(): ImapReaderEvent {
    const report = this.#report;
    const error =
      (report?.type === 'error' || report?.type === 'append-end' ? report.error : undefined) ??
      new ImapSyntaxError('Too much to skip', 'literal-too-large');
    this.#input.skip(this.#input.length);
    this.#newCommand();
    this.#state = 'dead';
    return { type: 'error', error, fatal: true };
  }

  #decided(state: State): this {
    if (this.#state !== 'decision') throw new Error('no APPEND waits for a decision');
    this.#state = state;
    return this;
  }

  #newCommand(): void {
    this.#state = 'command';
    this.#line = 0;
    this.#scanned = 0;
    this.#lineOctets = 0;
    this.#literalOctets = 0;
    this.#literals = 0;
    this.#remaining = 0;
    this.#skipped = 0;
    this.#skipLiterals = true;
    this.#report = undefined;
  }

  #lineEnd(start: number, lineFeed: number): number {
    return lineFeed > start && this.#input.octet(lineFeed - 1) === 0x0d ? lineFeed - 1 : lineFeed;
  }
}
