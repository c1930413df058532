import { TextDecoder } from 'node:util';
import { ImapSyntaxError } from '../syntax-error.ts';
import { decodeText } from './cursor.ts';

/** Turns the octets of a search string into text; throws an ImapSyntaxError for octets outside the charset. */
export type TextDecode = (octets: Buffer) => string;

/** Charsets to name in `NO [BADCHARSET (...)]`; all that TextDecoder knows are taken. */
export const SUGGESTED_CHARSETS: readonly string[] = ['US-ASCII', 'UTF-8'];

/** US-ASCII is read as UTF-8, its superset: what a client meant by other octets is best told so. */
const UTF_8_NAMES: ReadonlySet<string> = new Set(['UTF-8', 'UTF8', 'US-ASCII', 'ASCII']);

/** Decoder of a SEARCH charset (RFC 9051 section 6.4.4); throws an ImapSyntaxError `bad-charset` for an unknown one. */
export function textDecode(charset: string | undefined): TextDecode {
  if (charset === undefined || UTF_8_NAMES.has(charset.toUpperCase())) return decodeText;
  let decoder: TextDecoder;
  try {
    decoder = new TextDecoder(charset, { fatal: true, ignoreBOM: true });
  } catch {
    throw new ImapSyntaxError('Unknown charset', 'bad-charset');
  }
  return (octets) => {
    try {
      return decoder.decode(octets);
    } catch {
      throw new ImapSyntaxError('String is not of the charset');
    }
  };
}
