/** atext of RFC 5321 section 4.1.2 (from RFC 5322 section 3.2.3), by character code. */
const ATEXT = atextTable();

function atextTable(): Uint8Array {
  const table = new Uint8Array(128);
  for (const char of "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~") {
    table[char.charCodeAt(0)] = 1;
  }
  return table;
}

/** Whether the code is atext; with `utf8` also UTF8-non-ascii (RFC 6531 section 3.3). */
export function isAtext(code: number, utf8: boolean): boolean {
  return code < 128 ? ATEXT[code] === 1 : utf8 && isPrintableNonAscii(code);
}

/** Whether the code unit is beyond ASCII and no control, line separator or unknown character. */
export function isPrintableNonAscii(code: number): boolean {
  return code >= 0xa0 && code !== 0x2028 && code !== 0x2029 && code !== 0xfeff && code < 0xfffd;
}

export function isAsciiText(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}
