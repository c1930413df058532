import { TextDecoder } from 'node:util';

/** Charsets of mail, as far as the platform's TextDecoder knows them (WHATWG Encoding). */

/** Names that say nothing or only ASCII: what is not ASCII then is most often UTF-8. */
const TAKEN_FOR_UTF8 = new Set(['us-ascii', 'ascii', 'ansi_x3.4-1968', 'utf8mb4', 'utf-7', 'unknown-8bit', 'default']);

const MAX_NAME = 64;

/** A streaming decoder of a charset, any case; of one that is not known, as UTF-8. Broken bytes become U+FFFD. */
export function charsetDecoder(charset: string): TextDecoder {
  return tryDecoder(charset) ?? new TextDecoder('utf-8');
}

/** True when text in that charset can be read. */
export function isKnownCharset(charset: string): boolean {
  return tryDecoder(charset) !== undefined;
}

/** Decodes bytes that are there as a whole. */
export function decodeCharset(bytes: Uint8Array, charset: string): string {
  return charsetDecoder(charset).decode(bytes);
}

function tryDecoder(charset: string): TextDecoder | undefined {
  const name = charset.trim().toLowerCase();
  if (name === '' || TAKEN_FOR_UTF8.has(name)) return new TextDecoder('utf-8');
  if (name.length > MAX_NAME) return undefined;
  try {
    return new TextDecoder(name);
  } catch {
    return undefined;
  }
}

/**
 * Folds case so that two strings can be compared regardless of it, as SEARCH must (RFC 9051 section 6.4.4). It stands in
 * for i;unicode-casemap (RFC 5051) with the platform's own lower case. Folding pieces of a text gives the same as folding
 * the whole: the one letter whose lower case depends on its neighbours, sigma, gets one form.
 */
export function foldCase(text: string): string {
  const lower = text.toLowerCase();
  return lower.includes('\u03c2') ? lower.replaceAll('\u03c2', '\u03c3') : lower;
}
