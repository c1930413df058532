import type { TransferDecoder } from './transfer-decoder.ts';

const INVALID = 255;
const PADDING = 254;
const VALUES = new Uint8Array(256).fill(INVALID);
for (const [index, char] of [...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'].entries()) {
  VALUES[char.charCodeAt(0)] = index;
}
VALUES[61] = PADDING;

/**
 * Decodes base64 in chunks (RFC 2045 section 6.8). Characters outside the alphabet are passed over, as the RFC asks;
 * padding ends a group and not the whole, since some senders put encoded pieces one after another.
 */
export class Base64Decoder implements TransferDecoder {
  private bits = 0;
  private count = 0;

  push(chunk: Uint8Array): Buffer {
    const decoded = Buffer.allocUnsafe(Math.ceil((chunk.length * 3) / 4) + 3);
    let length = 0;
    let { bits, count } = this;
    for (let at = 0; at < chunk.length; at++) {
      const value = VALUES[chunk[at]!]!;
      if (value < 64) {
        bits = (bits << 6) | value;
        if (++count === 4) {
          decoded[length] = bits >> 16;
          decoded[length + 1] = bits >> 8;
          decoded[length + 2] = bits;
          length += 3;
          bits = 0;
          count = 0;
        }
      } else if (value === PADDING) {
        length = writeRest(decoded, length, bits, count);
        bits = 0;
        count = 0;
      }
    }
    this.bits = bits;
    this.count = count;
    return decoded.subarray(0, length);
  }

  finish(): Buffer {
    const decoded = Buffer.allocUnsafe(3);
    const length = writeRest(decoded, 0, this.bits, this.count);
    this.bits = 0;
    this.count = 0;
    return decoded.subarray(0, length);
  }
}

/** The bytes of an unfinished group: two characters hold one byte, three hold two; one alone holds none. */
function writeRest(decoded: Buffer, length: number, bits: number, count: number): number {
  if (count === 2) decoded[length++] = bits >> 4;
  else if (count === 3) {
    decoded[length++] = bits >> 10;
    decoded[length++] = bits >> 2;
  }
  return length;
}

/** Decodes base64 that is there as a whole. */
export function decodeBase64(encoded: Uint8Array): Buffer {
  const decoder = new Base64Decoder();
  const decoded = decoder.push(encoded);
  const rest = decoder.finish();
  return rest.length === 0 ? decoded : Buffer.concat([decoded, rest]);
}
