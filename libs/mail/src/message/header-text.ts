/** Building header fields (RFC 5322 section 2.2.3). */

/** Where folding begins: lines without their CRLF stay within it where blanks allow (RFC 5322 section 2.1.1). */
const FOLD_AT = 76;

/** A field from a name and the pieces of its value, each kept whole, folded before a piece that would pass the limit. */
export function foldField(name: string, pieces: readonly string[]): string {
  let field = `${name}:`;
  let column = field.length;
  for (const [index, piece] of pieces.entries()) {
    if (index > 0 && column + 1 + piece.length > FOLD_AT) {
      field += `\r\n\t${piece}`;
      column = 8 + piece.length;
    } else {
      field += ` ${piece}`;
      column += 1 + piece.length;
    }
  }
  return `${field}\r\n`;
}

/** Text that cannot leave its place: control characters, line ends among them, become blanks. */
export function singleLine(text: string): string {
  return text.replace(/[\x00-\x1f\x7f]+/g, ' ').trim();
}

/** Text within a comment: brackets and backslashes quoted, control characters gone. */
export function commentText(text: string): string {
  return singleLine(text).replace(/[()\\]/g, '\\$&');
}
