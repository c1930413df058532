import { find } from './find.ts';
import { MAX_TEXT_LINE, type MessageStatistics, StatisticsCollector } from './message-statistics.ts';
import { INSERT_CR, INSERT_CRLF, Pieces } from './pieces.ts';

export interface DataDecoderOptions {
  /**
   * What to do with an LF without CR or a CR without LF. `reject` (default): it stays, and the server answers 5xx after
   * the end. `convert`: it becomes CRLF (of a run of CRs the last alone). Neither ever ends the message.
   */
  readonly bareLineEnds?: 'reject' | 'convert';
  /** Octets of a line without CRLF above which `longLine` is set. Default 998. */
  readonly maxLine?: number;
}

const CR = 0x0d;
const LF = 0x0a;
const DOT = 0x2e;
const CR_BYTE = Buffer.from('\r');

/** Right after CRLF, or at the beginning. */
const LINE_START = 0;
const IN_LINE = 1;
/** After a dot at the beginning of a line; it is not given out. */
const AFTER_DOT = 2;
/** After dot and CR; neither is given out yet. */
const AFTER_DOT_CR = 3;
/** After a CR that is not given out yet. */
const AFTER_CR = 4;
const ENDED = 5;

/**
 * Decodes the text that follows DATA (RFC 5321 sections 4.1.1.4 and 4.5.2): takes the added dots away, and ends only at
 * CRLF `.` CRLF, so that no other line end can smuggle a message. Works through any amount in bounded memory; a server
 * with a message beyond its limits goes on to the end, and throws away what it gets.
 */
export class DataDecoder {
  readonly #convert: boolean;
  readonly #statistics: StatisticsCollector;
  #state = LINE_START;
  #remaining: Buffer[] = [];

  constructor(options: DataDecoderOptions = {}) {
    this.#convert = options.bareLineEnds === 'convert';
    this.#statistics = new StatisticsCollector(options.maxLine ?? MAX_TEXT_LINE);
  }

  get ended(): boolean {
    return this.#state === ENDED;
  }

  get statistics(): MessageStatistics {
    return this.#statistics;
  }

  /** Octets of the message that the chunk brings: mostly views on it, so that they last as long as the chunk does. */
  write(chunk: Buffer): Buffer[] {
    if (this.#state === ENDED) {
      if (chunk.length > 0) this.#remaining.push(chunk);
      return [];
    }
    const pieces = new Pieces();
    const end = this.#decode(chunk, pieces);
    this.#statistics.octets(end === chunk.length ? chunk : chunk.subarray(0, end));
    this.#statistics.size += pieces.length;
    if (this.ended) {
      this.#statistics.finish();
      if (end < chunk.length) this.#remaining.push(chunk.subarray(end));
    }
    return pieces.build(chunk);
  }

  /** What came after the end: pipelined commands. */
  takeRemaining(): Buffer {
    const remaining = this.#remaining;
    this.#remaining = [];
    return remaining.length === 1 ? remaining[0]! : Buffer.concat(remaining);
  }

  /** Goes through the chunk up to its end or the message's; tells where it stopped. */
  #decode(chunk: Buffer, pieces: Pieces): number {
    const statistics = this.#statistics;
    const length = chunk.length;
    const text = chunk.toString('latin1');
    let at = 0;
    while (at < length) {
      const byte = chunk[at]!;
      switch (this.#state) {
        case LINE_START:
          this.#state = IN_LINE;
          if (byte === DOT) {
            this.#state = AFTER_DOT;
            at++;
          }
          break;
        case AFTER_DOT:
          this.#state = IN_LINE;
          if (byte === CR) {
            this.#state = AFTER_DOT_CR;
            at++;
          }
          break;
        case AFTER_DOT_CR:
          if (byte === LF) {
            this.#state = ENDED;
            return at + 1;
          }
          this.#state = AFTER_CR;
          break;
        case AFTER_CR:
          if (byte === LF) {
            pieces.insert(INSERT_CRLF);
            statistics.endLine();
            this.#state = LINE_START;
            at++;
          } else {
            this.#bareCr(byte, pieces);
            this.#state = IN_LINE;
          }
          break;
        default:
          at = this.#lines(chunk, text, at, pieces);
      }
    }
    return at;
  }

  /** The hot path: from within a line through all lines that need no care. Sets the state that follows. */
  #lines(chunk: Buffer, text: string, start: number, pieces: Pieces): number {
    const statistics = this.#statistics;
    const length = chunk.length;
    let at = start;
    let from = start;
    let lf = -1;
    let cr = -1;
    while (at < length) {
      // Each is looked for again only when passed: a chunk with one of them only would take quadratic time.
      if (lf < at) lf = find(text, '\n', at);
      if (cr < at) cr = find(text, '\r', at);
      if (cr + 1 === lf) {
        statistics.text(chunk, at, cr);
        statistics.endLine();
        at = lf + 1;
        if (at === length || chunk[at] === DOT) {
          this.#state = LINE_START;
          break;
        }
      } else if (lf < cr) {
        statistics.bareLf = true;
        if (this.#convert) {
          statistics.text(chunk, at, lf);
          statistics.endLine();
          pieces.range(from, lf);
          pieces.insert(INSERT_CRLF);
          from = lf + 1;
        } else statistics.text(chunk, at, lf + 1);
        at = lf + 1;
      } else if (cr + 1 < length && !this.#convert) {
        statistics.bareCr = true;
        statistics.text(chunk, at, cr + 1);
        at = cr + 1;
      } else if (cr < length) {
        statistics.text(chunk, at, cr);
        pieces.range(from, cr);
        from = cr + 1;
        at = from;
        if (at === length) {
          this.#state = AFTER_CR;
          return at;
        }
        this.#bareCr(chunk[at]!, pieces);
      } else {
        statistics.text(chunk, at, length);
        at = length;
      }
    }
    pieces.range(from, at);
    return at;
  }

  /** A CR that was held back turned out to be bare: `next` is not LF. */
  #bareCr(next: number, pieces: Pieces): void {
    const statistics = this.#statistics;
    statistics.bareCr = true;
    if (!this.#convert) {
      pieces.insert(INSERT_CR);
      statistics.text(CR_BYTE, 0, 1);
    } else if (next !== CR) {
      pieces.insert(INSERT_CRLF);
      statistics.endLine();
    }
  }
}
