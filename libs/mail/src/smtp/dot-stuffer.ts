import { find } from './find.ts';
import { INSERT_CRLF, INSERT_DOT, INSERT_SPACE, Pieces } from './pieces.ts';

const LF = 0x0a;
const DOT = 0x2e;
const END = Buffer.from('.\r\n');
const END_IN_LINE = Buffer.from('\r\n.\r\n');

/**
 * Encodes a message for DATA (RFC 5321 section 4.5.2): a dot before each line that begins with one, and at the end CRLF
 * `.` CRLF. A bare LF, which stored mail may have, becomes CRLF. A bare CR becomes a space: neither may go out (section
 * 2.3.8), and as a line end it could make header fields that nobody wrote.
 */
export class DotStuffer {
  #lineStart = true;
  #afterCr = false;

  /** What to send for the chunk: mostly views on it. */
  write(chunk: Buffer): Buffer[] {
    const pieces = new Pieces();
    const length = chunk.length;
    const text = chunk.toString('latin1');
    if (length === 0) return [];
    let [at, from, lf, cr] = [0, 0, -1, -1];
    if (this.#afterCr) {
      this.#afterCr = false;
      if (chunk[0] === LF) {
        pieces.insert(INSERT_CRLF);
        this.#lineStart = true;
        at = 1;
        from = 1;
      } else pieces.insert(INSERT_SPACE);
    }
    while (at < length) {
      if (this.#lineStart && chunk[at] === DOT) {
        pieces.range(from, at);
        pieces.insert(INSERT_DOT);
        from = at;
      }
      this.#lineStart = false;
      if (lf < at) lf = find(text, '\n', at);
      if (cr < at) cr = find(text, '\r', at);
      if (cr + 1 === lf) {
        at = lf + 1;
        this.#lineStart = true;
      } else if (lf < cr) {
        pieces.range(from, lf);
        pieces.insert(INSERT_CRLF);
        at = lf + 1;
        from = at;
        this.#lineStart = true;
      } else if (cr < length) {
        pieces.range(from, cr);
        at = cr + 1;
        from = at;
        if (at === length) this.#afterCr = true;
        else pieces.insert(INSERT_SPACE);
      } else at = length;
    }
    pieces.range(from, length);
    return pieces.build(chunk);
  }

  /** What to send at the message's end. The stuffer is ready for another message then. */
  end(): Buffer {
    const end = this.#afterCr || !this.#lineStart ? END_IN_LINE : END;
    this.#lineStart = true;
    this.#afterCr = false;
    return end;
  }
}
