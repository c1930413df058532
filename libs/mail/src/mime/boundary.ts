/** The line is no boundary. */
export const ORDINARY = -1;
/** More of the line must be seen. */
export const UNDECIDED = -2;

const LF = 10;
const DASH = 45;

/** The boundaries of the multiparts that are open, outermost first (RFC 2046 section 5.1.1). */
export class BoundarySet {
  private readonly entries: { bytes: Buffer; level: number }[] = [];
  /** So many bytes of a line always decide. */
  lookahead = 0;
  /** Of the last match: the boundary was followed by two dashes and ends its multipart. */
  isClosing = false;

  get isEmpty(): boolean {
    return this.entries.length === 0;
  }

  /** Adds the boundary of the multipart that stands at `level` of the open parts. */
  add(boundary: string, level: number): void {
    this.entries.push({ bytes: Buffer.from(boundary, 'latin1'), level });
    this.measure();
  }

  /** Keeps the first `count`. */
  keep(count: number): void {
    this.entries.length = count;
    this.measure();
  }

  levelOf(index: number): number {
    return this.entries[index]!.level;
  }

  /**
   * Index of the boundary that stands at the beginning of the line; ORDINARY where none does. Text behind a boundary does
   * not matter; where one boundary begins like another the longer counts, of equal ones the inner. `final`: the message
   * ends here, so that what there is must do.
   */
  match(line: Buffer, from: number, final: boolean): number {
    const { entries } = this;
    if (entries.length === 0 || line[from] !== DASH) return ORDINARY;
    if (from + 1 >= line.length) return final ? ORDINARY : UNDECIDED;
    if (line[from + 1] !== DASH) return ORDINARY;
    const start = from + 2;
    const limit = Math.min(line.length, from + this.lookahead);
    let end = start;
    while (end < limit && line[end] !== LF) end++;
    if (end === limit && limit - from < this.lookahead && !final) return UNDECIDED;

    let best = ORDINARY;
    let bestLength = 0;
    for (let index = entries.length - 1; index >= 0; index--) {
      const { bytes } = entries[index]!;
      if (bytes.length <= bestLength || start + bytes.length > end || bytes[0] !== line[start]) continue;
      if (bytes.compare(line, start, start + bytes.length) !== 0) continue;
      best = index;
      bestLength = bytes.length;
    }
    const behind = start + bestLength;
    this.isClosing = behind + 1 < end && line[behind] === DASH && line[behind + 1] === DASH;
    return best;
  }

  private measure(): void {
    let longest = 0;
    for (const { bytes } of this.entries) longest = Math.max(longest, bytes.length);
    // Two dashes before and two behind.
    this.lookahead = longest + 4;
  }
}
