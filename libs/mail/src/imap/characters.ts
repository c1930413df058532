/** Character classes of the formal syntax (RFC 9051 section 9) as a table of bits, one byte value each. */

export const CHAR = {
  /** ATOM-CHAR: any CHAR except atom-specials. */
  atom: 1,
  /** ASTRING-CHAR: ATOM-CHAR or `]`. */
  astring: 2,
  /** list-char: ATOM-CHAR, `%`, `*` or `]`. */
  list: 4,
  /** Characters of a tag: ASTRING-CHAR except `+`. */
  tag: 8,
  /** sequence-set: digits, `:`, `,`, `*`. */
  sequence: 16,
  digit: 32,
  /** TEXT-CHAR that a quoted string shows as it is: neither `"` nor `\`. */
  quotable: 64,
} as const;

export const CLASSES = buildClasses();

function buildClasses(): Uint8Array {
  const table = new Uint8Array(256);
  const atomSpecials = '(){ %*"\\]';
  for (let byte = 0x21; byte < 0x7f; byte++) {
    const char = String.fromCharCode(byte);
    if (!atomSpecials.includes(char)) table[byte]! |= CHAR.atom | CHAR.astring | CHAR.list | CHAR.tag;
    if (char === ']') table[byte]! |= CHAR.astring | CHAR.list | CHAR.tag;
    if (char === '%' || char === '*') table[byte]! |= CHAR.list;
    if (char === '+') table[byte]! &= ~CHAR.tag;
    if ('0123456789:,*'.includes(char)) table[byte]! |= CHAR.sequence;
    if (char >= '0' && char <= '9') table[byte]! |= CHAR.digit;
  }
  for (let byte = 1; byte < 0x80; byte++) {
    if (byte !== 0x0d && byte !== 0x0a && byte !== 0x22 && byte !== 0x5c) table[byte]! |= CHAR.quotable;
  }
  return table;
}

/** Whether all of `bytes` are of the class, and there is at least one. */
export function allOfClass(bytes: Uint8Array, mask: number): boolean {
  if (bytes.length === 0) return false;
  for (let i = 0; i < bytes.length; i++) if ((CLASSES[bytes[i]!]! & mask) === 0) return false;
  return true;
}
