/** Modified UTF-7 of mailbox names (RFC 3501 section 5.1.3). */

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,';
const VALUES = new Int8Array(128).fill(-1);
for (let i = 0; i < 64; i++) VALUES[ALPHABET.charCodeAt(i)] = i;

const AMPERSAND = 0x26;

/** A name that is not well-formed modified UTF-7. */
export class Utf7Error extends Error {
  constructor(message: string) {
    super(`modified UTF-7: ${message}`);
    this.name = 'Utf7Error';
  }
}

/** The name in modified UTF-7; the result is printable US-ASCII for any name that has no lone surrogate. */
export function encodeUtf7(name: string): string {
  let out = '';
  let from = 0;
  for (let i = 0; i < name.length; ) {
    const unit = name.charCodeAt(i);
    if (unit >= 0x20 && unit <= 0x7e) {
      i++;
      if (unit === AMPERSAND) {
        out += `${name.slice(from, i)}-`;
        from = i;
      }
      continue;
    }
    out += name.slice(from, i);
    let end = i + 1;
    while (end < name.length && !isDirect(name.charCodeAt(end))) end++;
    out += encodeRun(name, i, end);
    i = end;
    from = end;
  }
  return out + name.slice(from);
}

/**
 * The name that `encoded` stands for. Strict: raw 8-bit or control characters, characters that need no encoding but
 * have one, lone surrogates, left-over bits, runs that do not end and runs side by side throw a Utf7Error.
 */
export function decodeUtf7(encoded: string): string {
  let out = '';
  let from = 0;
  let runEnd = -1;
  for (let i = 0; i < encoded.length; ) {
    const unit = encoded.charCodeAt(i);
    if (!isDirect(unit)) throw new Utf7Error('character outside printable ASCII');
    if (unit !== AMPERSAND) {
      i++;
      continue;
    }
    out += encoded.slice(from, i);
    const end = encoded.indexOf('-', i + 1);
    if (end < 0) throw new Utf7Error('run without an end');
    if (end === i + 1) {
      out += '&';
    } else {
      if (runEnd === i) throw new Utf7Error('runs side by side');
      out += decodeRun(encoded, i + 1, end);
      runEnd = end + 1;
    }
    i = end + 1;
    from = i;
  }
  return out + encoded.slice(from);
}

function isDirect(unit: number): boolean {
  return unit >= 0x20 && unit <= 0x7e;
}

function encodeRun(name: string, start: number, end: number): string {
  let out = '&';
  let bits = 0;
  let held = 0;
  for (let i = start; i < end; i++) {
    bits = ((bits & 0x3f) << 16) | name.charCodeAt(i);
    held += 16;
    while (held >= 6) {
      held -= 6;
      out += ALPHABET[(bits >>> held) & 0x3f];
    }
  }
  if (held > 0) out += ALPHABET[(bits << (6 - held)) & 0x3f];
  return `${out}-`;
}

function decodeRun(encoded: string, start: number, end: number): string {
  let out = '';
  let bits = 0;
  let held = 0;
  let high = false;
  for (let i = start; i < end; i++) {
    const value = VALUES[encoded.charCodeAt(i)] ?? -1;
    if (value < 0) throw new Utf7Error('character outside the alphabet');
    bits = ((bits & 0xffff) << 6) | value;
    held += 6;
    if (held < 16) continue;
    held -= 16;
    const unit = (bits >>> held) & 0xffff;
    if (isDirect(unit)) throw new Utf7Error('needless encoding');
    const low = unit >= 0xdc00 && unit <= 0xdfff;
    if (low !== high) throw new Utf7Error('lone surrogate');
    high = unit >= 0xd800 && unit <= 0xdbff;
    out += String.fromCharCode(unit);
  }
  if (high) throw new Utf7Error('lone surrogate');
  if (held >= 6 || (bits & ((1 << held) - 1)) !== 0 || out === '') throw new Utf7Error('left-over bits');
  return out;
}
