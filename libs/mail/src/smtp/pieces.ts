const CRLF = Buffer.from('\r\n');
const CR = Buffer.from('\r');
const DOT = Buffer.from('.');
const SPACE = Buffer.from(' ');
const CONSTANTS = [CRLF, CR, DOT, SPACE];

export const INSERT_CRLF = 0;
export const INSERT_CR = 1;
export const INSERT_DOT = 2;
export const INSERT_SPACE = 3;

/** Above so many pieces they are copied together: many tiny views would cost more, and hostile mail would have them. */
const MOST_VIEWS = 8;

/** Collects what one chunk becomes: ranges of it, and constants between them. */
export class Pieces {
  /** Pairs: start and end of a range, or -1 and the number of a constant. */
  #pairs: number[] = [];
  /** Octets collected. */
  length = 0;

  range(start: number, end: number): void {
    if (end <= start) return;
    this.#pairs.push(start, end);
    this.length += end - start;
  }

  insert(constant: number): void {
    this.#pairs.push(-1, constant);
    this.length += CONSTANTS[constant]!.length;
  }

  /** The pieces as buffers, which are views on the chunk where they are few. */
  build(chunk: Buffer): Buffer[] {
    const pairs = this.#pairs;
    if (pairs.length === 0) return [];
    const few = pairs.length <= 2 * MOST_VIEWS;
    const views: Buffer[] = [];
    const joined = few ? CRLF : Buffer.allocUnsafe(this.length);
    let at = 0;
    for (let i = 0; i < pairs.length; i += 2) {
      const start = pairs[i]!;
      const end = pairs[i + 1]!;
      if (few) views.push(start < 0 ? CONSTANTS[end]! : chunk.subarray(start, end));
      else at += start < 0 ? CONSTANTS[end]!.copy(joined, at) : chunk.copy(joined, at, start, end);
    }
    return few ? views : [joined];
  }
}
