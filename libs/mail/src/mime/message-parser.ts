import { BoundarySet, ORDINARY, UNDECIDED } from './boundary.ts';
import { HeaderBuffer } from './header-buffer.ts';
import { bufferOf } from './header-field.ts';
import { countLines } from './line-count.ts';
import { blankPart, readPartHeader } from './part-header.ts';
import type { Envelope, MimePart } from './types.ts';

/** What a parser holds at most. Beyond the limits content is taken as it comes, unlooked into; offsets stay exact. */
export interface ParserLimits {
  /** Bytes of one header that are read; fields beyond them count as absent. */
  headerBytes: number;
  /** Bytes of all headers of the message together. */
  totalHeaderBytes: number;
  /** Parts in all. */
  parts: number;
  /** Parts within parts. */
  depth: number;
}

export const PARSER_LIMITS: ParserLimits = {
  headerBytes: 1 << 20,
  totalHeaderBytes: 4 << 20,
  parts: 10_000,
  depth: 100,
};

export interface ParsedMessage {
  /** Bytes of the message. */
  size: number;
  envelope: Envelope;
  root: MimePart;
}

const LF = 10;
const CR = 13;
const DASH = 45;
const DELIMITER = Buffer.from('\n--');
const NOTHING = Buffer.alloc(0);

/** The line is the blank one that ends a header; beside the verdicts of {@link BoundarySet}. */
const BLANK = -3;

/** In a header, in a body, preamble or epilogue, or in the rest of a boundary line behind which a part begins. */
type State = 'header' | 'body' | 'delimiter';

interface OpenPart {
  part: MimePart;
  countsLines: boolean;
  /** Line endings met before the body. */
  lineBase: number;
}

/**
 * Finds the structure of a message (RFC 2045, 2046) that comes in chunks of any size; how it is cut makes no
 * difference. Bodies are never held, only the header at hand and the beginning of a line that may be a boundary.
 * It accepts anything: broken mail is understood as other IMAP servers do, so that part numbers agree with theirs.
 * A multipart always has a part: one without any gets an empty text/plain at its end, as BODYSTRUCTURE needs one.
 */
export class MessageParser {
  private readonly limits: ParserLimits;
  private readonly header: HeaderBuffer;
  private readonly boundaries = new BoundarySet();
  private readonly stack: OpenPart[] = [];
  private rootPart: MimePart | undefined;
  private envelope: Envelope | undefined;

  private state: State = 'header';
  /** Where the part belongs whose header is being read; undefined: it is the message's own. */
  private holder: OpenPart | undefined;
  private headerStart = 0;
  private partCount = 1;
  /** Open parts that count lines; without any, body lines go uncounted. */
  private counting = 0;
  private lineEndings = 0;

  /** Offset in the message of the chunk at hand. */
  private origin = 0;
  private lastByte = 0;
  private atLineStart = true;
  /** Bytes of the line ending before the line at hand. */
  private endingLength = 0;
  /** Where in the chunk the header at hand begins or goes on. */
  private headerFrom = 0;
  /** A line's beginning, held until more of it comes. */
  private held = NOTHING;

  constructor(limits: Partial<ParserLimits> = {}) {
    this.limits = { ...PARSER_LIMITS, ...limits };
    this.header = new HeaderBuffer(this.limits.headerBytes, this.limits.totalHeaderBytes);
  }

  /** Takes the next bytes; no reference to them is kept. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const chunk = bufferOf(bytes);
    this.headerFrom = 0;
    let at = this.held.length > 0 ? this.resumeHeld(chunk) : 0;
    while (at < chunk.length) at = this.atLineStart ? this.startLine(chunk, at) : this.continueLine(chunk, at);
    if (this.state === 'header') this.header.append(chunk, this.headerFrom, chunk.length - this.held.length);
    this.lastByte = chunk[chunk.length - 1]!;
    this.origin += chunk.length;
  }

  /** The whole structure. Nothing may be pushed after it. */
  finish(): ParsedMessage {
    const size = this.origin;
    if (this.held.length > 0) {
      const verdict = this.boundaries.match(this.held, 0, true);
      if (verdict >= 0) this.meetBoundary(verdict, size - this.held.length, NOTHING, 0);
      else if (this.state === 'header') this.header.append(this.held, 0, this.held.length);
    }
    this.endHeaders(size, NOTHING, 0);
    this.closeParts(0, size, this.lineEndings, size);
    return { size, envelope: this.envelope!, root: this.rootPart! };
  }

  /** Judges a line whose beginning was held. */
  private resumeHeld(chunk: Buffer): number {
    const before = this.held;
    const line = Buffer.concat([before, chunk.subarray(0, Math.max(2, this.boundaries.lookahead) - before.length)]);
    const verdict = this.judge(line, 0);
    if (verdict === UNDECIDED) {
      this.held = line;
      // All of the chunk is held now, and none of it belongs to the header yet.
      this.headerFrom = chunk.length;
      return chunk.length;
    }
    this.held = NOTHING;
    if (verdict < 0 && this.state === 'header') this.header.append(before, 0, before.length);
    return this.follow(verdict, chunk, 0, this.origin - before.length);
  }

  private startLine(chunk: Buffer, at: number): number {
    const verdict = this.judge(chunk, at);
    if (verdict !== UNDECIDED) return this.follow(verdict, chunk, at, this.origin + at);
    this.held = Buffer.from(chunk.subarray(at));
    return chunk.length;
  }

  private judge(line: Buffer, from: number): number {
    if (this.state === 'header') {
      const first = line[from];
      if (first === LF) return BLANK;
      if (first === CR) {
        if (from + 1 === line.length) return UNDECIDED;
        return line[from + 1] === LF ? BLANK : ORDINARY;
      }
    }
    return this.boundaries.match(line, from, false);
  }

  /** Does what the verdict on a line asks for; `at` is where the chunk goes on with it. */
  private follow(verdict: number, chunk: Buffer, at: number, lineOffset: number): number {
    if (verdict >= 0) {
      this.meetBoundary(verdict, lineOffset, chunk, at);
      this.atLineStart = false;
    } else if (verdict === BLANK) {
      const next = this.endLine(chunk, chunk.indexOf(LF, at));
      this.endHeader(this.header.take(chunk, this.headerFrom, next), this.origin + next);
      this.headerFrom = next;
      return next;
    } else this.atLineStart = false;
    return at;
  }

  private continueLine(chunk: Buffer, at: number): number {
    if (this.state === 'body') return this.continueBody(chunk, at);
    const ending = chunk.indexOf(LF, at);
    if (ending === -1) return chunk.length;
    const next = this.endLine(chunk, ending);
    if (this.state === 'delimiter') {
      this.state = 'header';
      this.headerStart = this.origin + next;
      this.headerFrom = next;
      this.partCount++;
    }
    return next;
  }

  /** Goes to the next line that may be a boundary. */
  private continueBody(chunk: Buffer, at: number): number {
    const { length } = chunk;
    let ending = this.boundaries.isEmpty ? -1 : chunk.indexOf(DELIMITER, at);
    if (ending === -1 && !this.boundaries.isEmpty) {
      // The delimiter may be cut by the chunk's end.
      if (chunk[length - 1] === LF) ending = length - 1;
      else if (chunk[length - 1] === DASH && length - 2 >= at && chunk[length - 2] === LF) ending = length - 2;
    }
    if (this.counting > 0) this.lineEndings += countLines(chunk, at, ending === -1 ? length : ending);
    return ending === -1 ? length : this.endLine(chunk, ending);
  }

  private endLine(chunk: Buffer, ending: number): number {
    const previous = ending > 0 ? chunk[ending - 1] : this.lastByte;
    this.endingLength = previous === CR ? 2 : 1;
    this.lineEndings++;
    this.atLineStart = true;
    return ending + 1;
  }

  /** A boundary ends all parts within its multipart, and a header that has not ended yet. */
  private meetBoundary(index: number, lineOffset: number, chunk: Buffer, at: number): void {
    const closing = this.boundaries.isClosing;
    const level = this.boundaries.levelOf(index);
    this.endHeaders(lineOffset, chunk, at);
    // A header cut short may have met the limit of parts, from where on no boundary counts.
    if (this.boundaries.isEmpty) return;
    this.closeParts(level + 1, lineOffset - this.endingLength, this.lineEndings, lineOffset);
    this.boundaries.keep(closing ? index : index + 1);
    this.holder = this.stack[level];
    this.state = closing ? 'body' : 'delimiter';
  }

  /** Ends the header at hand, and the empty one of a message within, without their blank line. */
  private endHeaders(offset: number, chunk: Buffer, at: number): void {
    while (this.state === 'header') {
      this.endHeader(this.header.take(chunk, Math.min(this.headerFrom, at), at), offset);
      this.headerFrom = at;
    }
  }

  private endHeader(block: Buffer, bodyStart: number): void {
    const { holder, limits } = this;
    const isMessage = holder === undefined || holder.part.type === 'message';
    const inDigest = holder?.part.type === 'multipart' && holder.part.subtype === 'digest';
    const { part, envelope, boundary } = readPartHeader(block, inDigest, isMessage);
    part.headerStart = this.headerStart;
    part.bodyStart = bodyStart;
    if (holder === undefined) {
      this.rootPart = part;
      this.envelope = envelope;
    } else if (isMessage) holder.part.message = { envelope: envelope!, root: part };
    else holder.part.parts.push(part);

    const open = { part, countsLines: part.type === 'text' || isEmbedded(part), lineBase: this.lineEndings };
    this.stack.push(open);
    if (open.countsLines) this.counting++;
    if (this.partCount >= limits.parts) this.boundaries.keep(0);
    const mayNest = this.partCount < limits.parts && this.stack.length < limits.depth;
    this.state = 'body';
    if (boundary !== undefined && mayNest) this.boundaries.add(boundary, this.stack.length - 1);
    else if (isEmbedded(part) && isIdentity(part.encoding) && mayNest) {
      this.state = 'header';
      this.holder = open;
      this.headerStart = bodyStart;
      this.partCount++;
    }
  }

  /** Closes the open parts from `level` on; the line ending before a boundary at `limit` belongs to the boundary. */
  private closeParts(level: number, end: number, lineEndings: number, limit: number): void {
    // Innermost first: a header that a boundary cut short reaches up to the boundary, and its holders with it.
    let reach = end;
    for (let index = this.stack.length - 1; index >= level; index--) {
      const { part, countsLines, lineBase } = this.stack[index]!;
      reach = Math.max(part.bodyStart, reach);
      part.bodyEnd = reach;
      if (countsLines) {
        this.counting--;
        part.lines = lineEndings - (part.bodyEnd < limit ? 1 : 0) - lineBase;
      }
      if (part.type === 'multipart' && part.parts.length === 0) part.parts.push(emptyPart(part.bodyEnd));
    }
    this.stack.length = level;
  }
}

/** The structure of a message that is there as a whole. */
export function parseMessage(message: Uint8Array, limits?: Partial<ParserLimits>): ParsedMessage {
  const parser = new MessageParser(limits);
  parser.push(message);
  return parser.finish();
}

function isEmbedded(part: MimePart): boolean {
  return part.type === 'message' && (part.subtype === 'rfc822' || part.subtype === 'global');
}

/** An encoded message (only message/global may be, RFC 6532 section 3.7) shows no structure in its bytes. */
function isIdentity(encoding: string): boolean {
  return encoding !== 'base64' && encoding !== 'quoted-printable';
}

function emptyPart(offset: number): MimePart {
  const part = blankPart();
  part.params.push(['charset', 'us-ascii']);
  part.headerStart = offset;
  part.bodyStart = offset;
  part.bodyEnd = offset;
  return part;
}
