import { ChunkQueue } from './chunk-queue.ts';
import { PartialLine } from './partial-line.ts';
import { SmtpSyntaxError } from './syntax-error.ts';

/** Octets of a line with its CRLF. */
export const SMTP_LINE_LIMITS = {
  /** RFC 5321 section 4.5.3.1.4. */
  command: 512,
  /** MAIL and RCPT with the parameters that SIZE, AUTH, DSN and SMTPUTF8 add. */
  envelope: 2048,
  /** AUTH and the lines of its exchange (RFC 4954 section 4). */
  auth: 12_288,
} as const;

export interface LineLimits {
  readonly command: number;
  readonly envelope: number;
  readonly auth: number;
}

export type LineFault = 'bare-lf' | 'bare-cr' | 'too-long';

export type LineEvent =
  /** A command without its CRLF. May be a view on the chunk that was pushed. */
  | { readonly type: 'line'; readonly line: Buffer }
  /**
   * The line is broken; reported as soon as it is known, once per line. If the server goes on, the reader skips to the
   * line's CRLF. On `bare-lf` and `bare-cr` it had better answer and close: somebody may be smuggling.
   */
  | { readonly type: 'fault'; readonly fault: LineFault; readonly error: SmtpSyntaxError };

const CR = 0x0d;
const LF = 0x0a;
const AUTH = 0x61757468;
const MAIL = 0x6d61696c;
const RCPT = 0x72637074;

/**
 * Cuts the octets of a client into command lines. Only CRLF ends a line (RFC 5321 section 2.3.8). Holds at most one line
 * of the limit beside the chunks not read yet: a server reads on from its socket when `next` gives undefined.
 */
export class SmtpLineReader {
  readonly #limits: LineLimits;
  readonly #longest: number;
  readonly #queue = new ChunkQueue();
  readonly #partial = new PartialLine();
  #skipping = false;
  #lastCr = false;
  /** Whether the client speaks an authentication exchange: every line may have the length of AUTH. */
  authenticating = false;

  constructor(limits: Partial<LineLimits> = {}) {
    this.#limits = { ...SMTP_LINE_LIMITS, ...limits };
    this.#longest = Math.max(this.#limits.command, this.#limits.envelope, this.#limits.auth);
  }

  /** Octets pushed and not yet part of a line: after STARTTLS more than 0 means that somebody injected commands. */
  get buffered(): number {
    return this.#queue.length + this.#partial.length;
  }

  push(chunk: Buffer): void {
    this.#queue.push(chunk);
  }

  /** The next line or fault; undefined when more octets are needed. */
  next(): LineEvent | undefined {
    for (let chunk = this.#queue.peek(); chunk !== undefined; chunk = this.#queue.peek()) {
      if (this.#skipping) this.#skip(chunk);
      else {
        const event = this.#read(chunk);
        if (event !== undefined) return event;
      }
    }
    return undefined;
  }

  /** Every octet not given out, for DATA and BDAT, or to be thrown away at STARTTLS. The reader starts anew. */
  takeRemaining(): Buffer {
    const partial = Buffer.from(this.#partial.view());
    this.#partial.clear();
    this.#skipping = false;
    this.#lastCr = false;
    return this.#queue.take(partial);
  }

  #read(chunk: Buffer): LineEvent | undefined {
    const at = this.#queue.at;
    const before = this.#partial.length;
    const feed = chunk.indexOf(LF, at);
    const end = feed < 0 ? chunk.length : feed + 1;
    let line: Buffer;
    if (before === 0) line = chunk.subarray(at, end);
    else {
      this.#partial.append(chunk.subarray(at, Math.min(end, at + this.#longest)));
      line = this.#partial.view();
    }
    const limit = this.#limit(line);
    const length = line.length;
    // The octet at which the line is known to be broken; faults are compared by it, so that chunks make no difference.
    const ended = length >= 2 && line[length - 1] === LF && line[length - 2] === CR;
    const lf = !ended && length > 0 && line[length - 1] === LF ? length - 1 : Infinity;
    const cr = line.indexOf(CR, Math.max(0, before - 1));
    const strayCr = cr >= 0 && cr + 1 < length && line[cr + 1] !== LF ? cr + 1 : Infinity;
    const over = length > limit || (length === limit && !ended) ? limit - 1 : Infinity;
    const broken = Math.min(lf, strayCr, over);
    if (broken !== Infinity) {
      this.#partial.clear();
      this.#skipping = true;
      this.#lastCr = false;
      // Reading goes on at the octet itself, which may be the CR of the true end; a stray LF is done with.
      this.#queue.seek(Math.max(at, at + broken - before + (broken === lf ? 1 : 0)));
      return fault(broken === lf ? 'bare-lf' : broken === strayCr ? 'bare-cr' : 'too-long');
    }
    if (ended) {
      const content = line.subarray(0, length - 2);
      const event: LineEvent = { type: 'line', line: before === 0 ? content : Buffer.from(content) };
      this.#partial.clear();
      this.#queue.seek(end);
      return event;
    }
    if (before === 0) this.#partial.append(line);
    this.#queue.seek(chunk.length);
    return undefined;
  }

  #skip(chunk: Buffer): void {
    let at = this.#queue.at;
    for (;;) {
      const lf = chunk.indexOf(LF, at);
      if (lf < 0) {
        this.#lastCr = chunk[chunk.length - 1] === CR;
        this.#queue.seek(chunk.length);
        return;
      }
      const ended = lf > at ? chunk[lf - 1] === CR : this.#lastCr;
      this.#lastCr = false;
      at = lf + 1;
      if (ended || at === chunk.length) {
        this.#skipping = !ended;
        this.#queue.seek(at);
        return;
      }
    }
  }

  #limit(line: Buffer): number {
    if (this.authenticating) return this.#limits.auth;
    if (line.length < 4) return this.#limits.command;
    const verb = ((line[0]! << 24) | (line[1]! << 16) | (line[2]! << 8) | line[3]! | 0x20202020) >>> 0;
    if (verb === AUTH) return this.#limits.auth;
    return verb === MAIL || verb === RCPT ? this.#limits.envelope : this.#limits.command;
  }
}

function fault(fault: LineFault): LineEvent {
  const text = fault === 'too-long' ? 'Line too long' : 'Lines must end with CRLF';
  return { type: 'fault', fault, error: new SmtpSyntaxError(500, '5.5.2', text) };
}
