import { find } from './find.ts';
import { MAX_TEXT_LINE, type MessageStatistics, StatisticsCollector } from './message-statistics.ts';

const LF = 0x0a;
const CR_BYTE = Buffer.from('\r');

/**
 * Takes a message that comes in chunks of BDAT (RFC 3030 section 2): octets as they are, no line of dots. One decoder
 * serves all chunks of a message: `begin` for each BDAT command, then `write` until `chunkEnded`.
 */
export class BdatDecoder {
  readonly #statistics: StatisticsCollector;
  #left = 0;
  #last = false;
  #ended = false;
  #afterCr = false;
  #remaining: Buffer[] = [];

  constructor(options: { readonly maxLine?: number } = {}) {
    this.#statistics = new StatisticsCollector(options.maxLine ?? MAX_TEXT_LINE);
  }

  /** Whether the message is whole: the chunk with LAST has come. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether all octets of the chunk that was begun have come: time to answer it. */
  get chunkEnded(): boolean {
    return this.#left === 0;
  }

  get statistics(): MessageStatistics {
    return this.#statistics;
  }

  /**
   * The command BDAT `size` [LAST]; size 0 is allowed.
   * @throws Error when the chunk before is not over, or the message is
   */
  begin(size: number, last: boolean): void {
    if (this.#left > 0 || this.#ended) throw new Error('BDAT out of turn');
    this.#left = size;
    this.#last = last;
    this.#checkEnd();
  }

  /** Octets of the message that the chunk brings: at most one view on it. */
  write(chunk: Buffer): Buffer[] {
    const end = Math.min(this.#left, chunk.length);
    if (end < chunk.length) this.#remaining.push(chunk.subarray(end));
    if (end === 0) return [];
    const octets = end === chunk.length ? chunk : chunk.subarray(0, end);
    this.#left -= end;
    this.#statistics.size += end;
    this.#statistics.octets(octets);
    this.#scan(octets);
    this.#checkEnd();
    return [octets];
  }

  /** What came after the chunk: pipelined commands. */
  takeRemaining(): Buffer {
    const remaining = this.#remaining;
    this.#remaining = [];
    return remaining.length === 1 ? remaining[0]! : Buffer.concat(remaining);
  }

  #checkEnd(): void {
    if (this.#left > 0 || !this.#last) return;
    if (this.#afterCr) this.#bareCr();
    this.#statistics.finish();
    this.#ended = true;
  }

  #scan(chunk: Buffer): void {
    const statistics = this.#statistics;
    const length = chunk.length;
    const text = chunk.toString('latin1');
    let at = 0;
    let lf = -1;
    let cr = -1;
    if (this.#afterCr) {
      this.#afterCr = false;
      if (chunk[0] === LF) {
        statistics.endLine();
        at = 1;
      } else this.#bareCr();
    }
    while (at < length) {
      if (lf < at) lf = find(text, '\n', at);
      if (cr < at) cr = find(text, '\r', at);
      if (cr + 1 === lf) {
        statistics.text(chunk, at, cr);
        statistics.endLine();
        at = lf + 1;
      } else if (lf < cr) {
        statistics.bareLf = true;
        statistics.text(chunk, at, lf + 1);
        at = lf + 1;
      } else if (cr < length) {
        statistics.text(chunk, at, cr);
        at = cr + 1;
        if (at === length) this.#afterCr = true;
        else this.#bareCr();
      } else {
        statistics.text(chunk, at, length);
        at = length;
      }
    }
  }

  #bareCr(): void {
    this.#statistics.bareCr = true;
    this.#statistics.text(CR_BYTE, 0, 1);
  }
}
