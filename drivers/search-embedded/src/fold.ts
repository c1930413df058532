/**
 * Text as it is indexed and asked for: lower case, so that the index need not fold.
 *
 * A match may be too many, never missing, whether the caller lowers case by character (simple mapping) or by string
 * (`toLowerCase`). The two differ in the final sigma and in I with a dot, which becomes i and a combining dot; so both
 * sigmas are one here, and the combining dot is left out.
 */
export function fold(text: string): string {
  return text.toLowerCase().replaceAll('\u03c2', '\u03c3').replaceAll('\u0307', '').replaceAll('\0', '\ufffd');
}

/** More trigrams of one term than these do not narrow it further. */
const MAX_TRIGRAMS = 64;

/**
 * The distinct trigrams (runs of three characters) of a text, folded. Undefined when there is none, or when the text has
 * half of a surrogate pair, which the index cannot hold.
 */
export function trigramsOf(text: string): string[] | undefined {
  if (!text.isWellFormed()) return undefined;
  const characters = Array.from(fold(text.slice(0, 4 * 1024).toWellFormed()));
  const cut = text.length > 4 * 1024 ? characters.length - 2 : characters.length;
  const trigrams = new Set<string>();
  for (let at = 0; at + 3 <= cut && trigrams.size < MAX_TRIGRAMS; at += 1) {
    trigrams.add(characters.slice(at, at + 3).join(''));
  }
  return trigrams.size > 0 ? [...trigrams] : undefined;
}
