import { Base64Decoder } from './base64.ts';
import { QuotedPrintableDecoder } from './quoted-printable.ts';

/** Takes a body out of its content transfer encoding, chunk by chunk; holds next to nothing. */
export interface TransferDecoder {
  /** What can be decoded so far. */
  push(chunk: Uint8Array): Uint8Array;
  /** What was held back, at the body's end. */
  finish(): Uint8Array;
}

const NOTHING = new Uint8Array(0);

const IDENTITY: TransferDecoder = { push: (chunk) => chunk, finish: () => NOTHING };

/** The decoder of a Content-Transfer-Encoding in lower case; undefined where it is not known (BINARY: UNKNOWN-CTE). */
export function transferDecoder(encoding: string): TransferDecoder | undefined {
  switch (encoding) {
    case 'base64':
      return new Base64Decoder();
    case 'quoted-printable':
      return new QuotedPrintableDecoder();
    case '7bit':
    case '8bit':
    case 'binary':
      return IDENTITY;
    default:
      return undefined;
  }
}
