import { isUtf8 } from 'node:buffer';
import { ChunkQueue } from './chunk-queue.ts';
import type { EnhancedStatus } from './enhanced-status.ts';
import { PartialLine } from './partial-line.ts';
import type { SmtpReply } from './reply.ts';
import { SmtpSyntaxError } from './syntax-error.ts';

export interface ReplyLimits {
  /** Octets of a line with its end; default 4096: servers exceed the 512 of RFC 5321. */
  readonly line: number;
  /** Lines of one reply; default 256. */
  readonly lines: number;
}

const CR = 0x0d;
const LF = 0x0a;

/**
 * Reads a server's replies (RFC 5321 section 4.2.1). Takes a bare LF as a line's end: what a server answers can smuggle
 * nothing. Memory is bounded by the product of the limits, beside the chunks not read yet.
 */
export class SmtpReplyParser {
  readonly #limits: ReplyLimits;
  readonly #queue = new ChunkQueue();
  readonly #partial = new PartialLine();
  #code = 0;
  #lines: string[] = [];
  #failure: SmtpSyntaxError | undefined;

  constructor(limits: Partial<ReplyLimits> = {}) {
    this.#limits = { line: 4096, lines: 256, ...limits };
  }

  /** Octets pushed and not yet part of a reply: more than 0 before a command or TLS is a broken or hostile server. */
  get buffered(): number {
    return this.#queue.length + this.#partial.length;
  }

  push(chunk: Buffer): void {
    if (this.#failure === undefined) this.#queue.push(chunk);
  }

  /**
   * The next whole reply; undefined when more octets are needed.
   * @throws SmtpSyntaxError (451 4.5.0) when the server breaks the protocol; from then on always
   */
  next(): SmtpReply | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    for (;;) {
      const line = this.#line();
      if (line === undefined) return undefined;
      const reply = this.#take(line);
      if (reply !== undefined) return reply;
    }
  }

  #line(): Buffer | undefined {
    for (let chunk = this.#queue.peek(); chunk !== undefined; chunk = this.#queue.peek()) {
      const at = this.#queue.at;
      const before = this.#partial.length;
      const lf = chunk.indexOf(LF, at);
      const end = lf < 0 ? chunk.length : lf + 1;
      // An ended line may have `line` octets; one that has as many without an end is too long.
      if (before + end - at > this.#limits.line - (lf < 0 ? 1 : 0)) throw this.#fail('line too long');
      let line = chunk.subarray(at, end);
      if (lf < 0 || before > 0) this.#partial.append(line);
      this.#queue.seek(end);
      if (lf < 0) continue;
      if (before > 0) {
        line = Buffer.from(this.#partial.view());
        this.#partial.clear();
      }
      return line.subarray(0, line.length - (line.at(-2) === CR ? 2 : 1));
    }
    return undefined;
  }

  #take(line: Buffer): SmtpReply | undefined {
    const code = (line[0]! - 48) * 100 + (line[1]! - 48) * 10 + (line[2]! - 48);
    const separator = line.length === 3 ? 0x20 : line[3];
    const digits = line.length >= 3 && isDigit(line[0]!) && isDigit(line[1]!) && isDigit(line[2]!);
    if (!digits || code < 200 || code > 599 || (separator !== 0x20 && separator !== 0x2d)) {
      throw this.#fail('malformed line');
    }
    if (this.#lines.length > 0 && code !== this.#code) throw this.#fail('two codes in one reply');
    if (this.#lines.length >= this.#limits.lines) throw this.#fail('too many lines');
    this.#code = code;
    const text = line.subarray(4);
    this.#lines.push(isUtf8(text) ? text.toString('utf8') : text.toString('latin1'));
    if (separator === 0x2d) return undefined;
    const lines = this.#lines;
    this.#lines = [];
    return withEnhanced(code, lines);
  }

  #fail(reason: string): SmtpSyntaxError {
    this.#failure = new SmtpSyntaxError(451, '4.5.0', `Bad reply from the server: ${reason}`);
    this.#partial.clear();
    this.#queue.take();
    this.#lines = [];
    return this.#failure;
  }
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}

/** Takes the enhanced code off the lines (RFC 2034 section 4); lines that lack it keep their text. */
function withEnhanced(code: number, lines: string[]): SmtpReply {
  const match = /^([245])\.\d{1,3}\.\d{1,3}(?= |$)/.exec(lines[0]!);
  if (match === null || Number(match[1]) !== Math.floor(code / 100)) return { code, lines };
  const enhanced = match[0] as EnhancedStatus;
  const stripped = lines.map((line) => {
    if (line === enhanced) return '';
    return line.startsWith(`${enhanced} `) ? line.slice(enhanced.length + 1) : line;
  });
  return { code, enhanced, lines: stripped };
}
