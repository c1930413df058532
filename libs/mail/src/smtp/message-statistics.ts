import { isAscii } from 'node:buffer';
import { type HeaderFacts, HeaderScan } from './header-scan.ts';

/** Octets of a text line without its CRLF (RFC 5321 section 4.5.3.1.6). */
export const MAX_TEXT_LINE = 998;

/** What was seen of a message while it came in; complete once the decoder has ended. */
export interface MessageStatistics {
  /** Octets given out. */
  readonly size: number;
  /** Whether an LF without CR, a CR without LF was there (in DATA: also where it was converted). */
  readonly bareLf: boolean;
  readonly bareCr: boolean;
  readonly nul: boolean;
  readonly eightBit: boolean;
  /** Octets of the longest line without its CRLF. */
  readonly longestLine: number;
  /** Whether a line is longer than the limit (998 unless set). */
  readonly longLine: boolean;
  /** Octets of the header block with the empty line that ends it; all of the message where there is none. */
  readonly headerSize: number;
  readonly header: Readonly<HeaderFacts>;
  /** Whether the last octets are CRLF; false for an empty message. */
  readonly endsWithCrlf: boolean;
}

export class StatisticsCollector implements MessageStatistics {
  size = 0;
  bareLf = false;
  bareCr = false;
  nul = false;
  eightBit = false;
  longestLine = 0;
  endsWithCrlf = false;
  readonly header = new HeaderScan();
  readonly #maxLine: number;
  #headerSize = 0;
  #inHeader = true;
  #lineLength = 0;

  constructor(maxLine: number) {
    this.#maxLine = maxLine;
  }

  get longLine(): boolean {
    return this.longestLine > this.#maxLine;
  }

  get headerSize(): number {
    return this.#headerSize;
  }

  /** Part of a line, without CR and LF of its end. */
  text(chunk: Buffer, start: number, end: number): void {
    this.#lineLength += end - start;
    if (this.#inHeader) this.header.text(chunk, start, end);
  }

  /** The line's end; in the message it takes `octets`. */
  endLine(octets = 2): void {
    const length = this.#lineLength;
    if (length > this.longestLine) this.longestLine = length;
    this.#lineLength = 0;
    if (this.#inHeader) {
      this.#headerSize += length + octets;
      this.#inHeader = !this.header.endLine();
    }
  }

  /** Octets as they came, to look for those that need care. */
  octets(chunk: Buffer): void {
    if (!this.nul) this.nul = chunk.includes(0);
    if (!this.eightBit) this.eightBit = !isAscii(chunk);
  }

  /** The end of the message. */
  finish(): void {
    this.endsWithCrlf = this.size > 0 && this.#lineLength === 0;
    if (this.#lineLength > 0) this.endLine(0);
  }
}
