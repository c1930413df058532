import { decodeBase64 } from './base64.ts';
import { decodeCharset } from './charset.ts';

/** Encoded words in header text (RFC 2047, with the language tag of RFC 2231 section 5). */

interface EncodedWord {
  charset: string;
  bytes: Buffer;
  /** One past the word's last character. */
  end: number;
}

/**
 * Makes text of a header value that has one character per byte. Words encoded in any charset that is known are decoded;
 * blanks between two of them fall away, and characters that were cut between two words of one charset are joined. What
 * is no valid encoded word stays as it is. Bytes outside of them are UTF-8 (RFC 6532), or latin1 where they are not that.
 */
export function decodeHeaderText(value: string): string {
  let marker = value.indexOf('=?');
  if (marker === -1) return decodeRaw(value);
  let text = '';
  let plainFrom = 0;
  let charset = '';
  let pending: Buffer[] = [];
  const flush = () => {
    if (pending.length > 0) text += decodeCharset(Buffer.concat(pending), charset);
    pending = [];
  };
  while (marker !== -1) {
    const word = readEncodedWord(value, marker);
    if (word === undefined) {
      marker = value.indexOf('=?', marker + 2);
      continue;
    }
    const between = value.slice(plainFrom, marker);
    const adjacent = plainFrom > 0 && pending.length > 0 && isBlank(between);
    if (!adjacent) {
      flush();
      text += decodeRaw(between);
    } else if (charset !== word.charset) flush();
    charset = word.charset;
    pending.push(word.bytes);
    plainFrom = word.end;
    marker = value.indexOf('=?', word.end);
  }
  flush();
  return text + decodeRaw(value.slice(plainFrom));
}

const CHARSET_LIMIT = 64;

function readEncodedWord(value: string, start: number): EncodedWord | undefined {
  const charsetEnd = value.indexOf('?', start + 2);
  if (charsetEnd === -1 || charsetEnd === start + 2 || charsetEnd - start > CHARSET_LIMIT) return undefined;
  const encoding = value.charCodeAt(charsetEnd + 1) | 32;
  if (value[charsetEnd + 2] !== '?') return undefined;
  const end = value.indexOf('?', charsetEnd + 3);
  if (end === -1 || value[end + 1] !== '=') return undefined;
  const charset = value
    .slice(start + 2, charsetEnd)
    .split('*', 1)[0]!
    .toLowerCase();
  if (/[\s"()<>@,;:]/.test(charset)) return undefined;
  const encoded = value.slice(charsetEnd + 3, end);
  if (encoding === 0x62) return { charset, bytes: decodeBase64(Buffer.from(encoded, 'latin1')), end: end + 2 };
  if (encoding === 0x71) return { charset, bytes: decodeQ(encoded), end: end + 2 };
  return undefined;
}

/** The Q encoding (RFC 2047 section 4.2); an equals sign without two hex digits stands for itself. */
function decodeQ(encoded: string): Buffer {
  const bytes = Buffer.allocUnsafe(encoded.length);
  let length = 0;
  for (let at = 0; at < encoded.length; at++) {
    let code = encoded.charCodeAt(at);
    if (code === 0x5f) code = 0x20;
    else if (code === 0x3d) {
      const byte = hexByte(encoded, at + 1);
      if (byte >= 0) {
        code = byte;
        at += 2;
      }
    }
    bytes[length++] = code;
  }
  return bytes.subarray(0, length);
}

function hexByte(text: string, at: number): number {
  const digits = text.slice(at, at + 2);
  return /^[0-9A-Fa-f]{2}$/.test(digits) ? Number.parseInt(digits, 16) : -1;
}

function isBlank(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code !== 32 && code !== 9 && code !== 10 && code !== 13) return false;
  }
  return true;
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeRaw(value: string): string {
  if (!/[\x80-\xff]/.test(value)) return value;
  try {
    return UTF8.decode(Buffer.from(value, 'latin1'));
  } catch {
    return value;
  }
}
