import { Buffer, isUtf8 } from 'node:buffer';

/** Encodes text as xtext (RFC 3461 section 4), octets beyond ASCII as UTF-8. */
export function encodeXtext(text: string): string {
  let encoded = '';
  for (const byte of Buffer.from(text)) {
    const plain = byte > 0x20 && byte < 0x7f && byte !== 0x2b && byte !== 0x3d;
    encoded += plain ? String.fromCharCode(byte) : `+${hex(byte)}`;
  }
  return encoded;
}

/** Decodes xtext; undefined where it is none, or its octets are no UTF-8. */
export function decodeXtext(text: string): string | undefined {
  const bytes = Buffer.allocUnsafe(text.length);
  let length = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x2b) {
      const digits = text.slice(i + 1, i + 3);
      if (!/^[0-9A-F]{2}$/.test(digits)) return undefined;
      bytes[length++] = Number.parseInt(digits, 16);
      i += 2;
    } else if (code > 0x20 && code < 0x7f && code !== 0x3d) bytes[length++] = code;
    else return undefined;
  }
  const decoded = bytes.subarray(0, length);
  return isUtf8(decoded) ? decoded.toString('utf8') : undefined;
}

/** Encodes text as utf-8-addr-xtext (RFC 6533 section 3), which is ASCII. */
export function encodeUtf8AddrXtext(text: string): string {
  let encoded = '';
  for (const character of text.toWellFormed()) {
    const code = character.codePointAt(0)!;
    const plain = code > 0x20 && code < 0x7f && code !== 0x2b && code !== 0x3d && code !== 0x5c;
    encoded += plain ? character : `\\x{${hex(code)}}`;
  }
  return encoded;
}

/** Decodes utf-8-addr-xtext, and utf-8-addr-unitext, in which characters beyond ASCII stand as they are. */
export function decodeUtf8AddrXtext(text: string): string | undefined {
  let decoded = '';
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x5c) {
      const match = /^\\x\{([0-9A-F]{2,6})\}/.exec(text.slice(i, i + 10));
      const point = match === null ? -1 : Number.parseInt(match[1]!, 16);
      if (point < 0 || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return undefined;
      decoded += text.slice(from, i) + String.fromCodePoint(point);
      i += match![0].length - 1;
      from = i + 1;
    } else if (code <= 0x20 || code === 0x7f || code === 0x2b || code === 0x3d) return undefined;
  }
  return decoded + text.slice(from);
}

function hex(number: number): string {
  return number.toString(16).toUpperCase().padStart(2, '0');
}
