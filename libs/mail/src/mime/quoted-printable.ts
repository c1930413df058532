import type { TransferDecoder } from './transfer-decoder.ts';

const LF = 10;
const CR = 13;
const TAB = 9;
const SPACE = 32;
const EQUALS = 61;

const HEX = new Int8Array(256).fill(-1);
for (const [index, char] of [...'0123456789abcdef'].entries()) {
  HEX[char.charCodeAt(0)] = index;
  HEX[char.toUpperCase().charCodeAt(0)] = index;
}

/** Longer runs of blanks than a line may have are taken for content. */
const MAX_BLANKS = 1000;

/**
 * Decodes quoted-printable in chunks (RFC 2045 section 6.7). Blanks at a line's end fall away, soft line breaks
 * join, small hex digits are taken, and an equals sign that begins neither stands for itself.
 */
export class QuotedPrintableDecoder implements TransferDecoder {
  /** An undecided end of the last chunk: blanks, or an equals sign with what came behind it. */
  private held = Buffer.alloc(0);

  push(chunk: Uint8Array): Buffer {
    return this.decode(this.held.length > 0 ? Buffer.concat([this.held, chunk]) : chunk, false);
  }

  finish(): Buffer {
    return this.decode(this.held, true);
  }

  private decode(input: Uint8Array, final: boolean): Buffer {
    const decoded = Buffer.allocUnsafe(input.length);
    const end = input.length;
    let length = 0;
    let at = 0;
    while (at < end) {
      const byte = input[at]!;
      if (byte !== EQUALS && byte !== SPACE && byte !== TAB) {
        decoded[length++] = byte;
        at++;
        continue;
      }
      if (byte === EQUALS && at + 2 < end) {
        const value = (HEX[input[at + 1]!]! << 4) | HEX[input[at + 2]!]!;
        if (value >= 0) {
          decoded[length++] = value;
          at += 3;
          continue;
        }
      }
      const start = byte === EQUALS ? at + 1 : at;
      const next = blanksEnd(input, start, Math.min(end, start + MAX_BLANKS));
      const isOpen = next === end && next - start < MAX_BLANKS;
      const lineEnd = lineEnding(input, next, end);
      // Of an escape, both digits must be seen.
      const isShort = byte === EQUALS && at + 2 >= end && lineEnd === next;
      if (!final && (isOpen || isShort || lineEnd < 0)) {
        this.held = Buffer.from(input.subarray(at));
        return decoded.subarray(0, length);
      }
      const endsLine = lineEnd > next || (final && next === end);
      if (byte === EQUALS) {
        if (!endsLine) decoded[length++] = byte;
        at = endsLine ? Math.max(lineEnd, next) : start;
      } else {
        if (!endsLine) while (at < next) decoded[length++] = input[at++]!;
        at = next;
      }
    }
    this.held = Buffer.alloc(0);
    return decoded.subarray(0, length);
  }
}

function blanksEnd(input: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && (input[at] === SPACE || input[at] === TAB)) at++;
  return at;
}

/** One past the line ending at `at`; `at` where there is none; -1 where a CR is the last byte known. */
function lineEnding(input: Uint8Array, at: number, end: number): number {
  if (at >= end) return at;
  if (input[at] === LF) return at + 1;
  if (input[at] !== CR) return at;
  if (at + 1 === end) return -1;
  return input[at + 1] === LF ? at + 2 : at;
}
