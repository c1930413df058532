import type { InputBuffer } from './input-buffer.ts';

/** The announcement of a literal at the end of a line (RFC 9051 section 4.3, RFC 7888). */
export interface LiteralHeader {
  /** Infinity for what no number holds. */
  size: number;
  synchronizing: boolean;
}

/** Digits that the size may have; longer ones announce nothing. */
const MAX_DIGITS = 20;

/** Octets that an announcement can have at most, line end included. */
export const MAX_HEADER = MAX_DIGITS + 5;

/** The announcement that ends at offset `end` (the line end not included), in a line that starts at `start`. */
export function literalHeader(input: InputBuffer, start: number, end: number): LiteralHeader | undefined {
  let at = end - 1;
  if (at < start || input.octet(at) !== 0x7d) return undefined;
  at--;
  const synchronizing = at < start || input.octet(at) !== 0x2b;
  if (!synchronizing) at--;
  let size = 0;
  let digits = 0;
  for (let power = 1; at >= start; at--, power *= 10) {
    const digit = input.octet(at) - 0x30;
    if (digit < 0 || digit > 9) break;
    size += digit * power;
    digits++;
  }
  if (digits === 0 || digits > MAX_DIGITS || at < start || input.octet(at) !== 0x7b) return undefined;
  return { size: size <= Number.MAX_SAFE_INTEGER ? size : Number.POSITIVE_INFINITY, synchronizing };
}
