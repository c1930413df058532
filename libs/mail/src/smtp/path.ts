import { type AddressOptions, AddressSyntaxError, type MailAddress } from '../address/index.ts';
import { scanAddress, scanDomain } from '../address/parse.ts';
import { SmtpSyntaxError } from './syntax-error.ts';

export interface PathOptions extends AddressOptions {
  readonly role: 'sender' | 'recipient';
}

/** The bare Postmaster of RCPT (RFC 5321 section 4.1.1.3): no domain, so the server's own. */
const POSTMASTER: MailAddress = { local: 'postmaster', domain: '' };

/**
 * Reads the Path at `at` (RFC 5321 section 4.1.2). `address` is null for `<>`, which only a sender may be. A source route
 * is checked and ignored (section 4.1.1.3, appendix C). With `lenient` the angle brackets may be missing.
 */
export function scanPath(
  text: string,
  at: number,
  options: PathOptions,
): { address: MailAddress | null; end: number; utf8: boolean } {
  const enhanced = options.role === 'sender' ? '5.1.7' : '5.1.3';
  try {
    const open = text[at] === '<';
    if (!open && options.lenient !== true)
      throw new AddressSyntaxError('syntax', 'Address must stand in angle brackets');
    let from = open ? at + 1 : at;
    if (open && options.role === 'sender' && text[from] === '>') return { address: null, end: from + 1, utf8: false };
    if (open && options.role === 'recipient' && text.slice(from, from + 11).toLowerCase() === 'postmaster>') {
      return { address: POSTMASTER, end: from + 11, utf8: false };
    }
    if (open && text[from] === '@') from = skipRoute(text, from, options);
    const { address, end } = scanAddress(text, from, options);
    if (open && text[end] !== '>') throw new AddressSyntaxError('syntax', 'Address lacks its closing angle bracket');
    return { address, end: open ? end + 1 : end, utf8: !isAscii(text, at, end) };
  } catch (error) {
    if (!(error instanceof AddressSyntaxError)) throw error;
    if (error.fault === 'non-ascii') throw new SmtpSyntaxError(553, '5.6.7', error.message);
    throw new SmtpSyntaxError(501, enhanced, error.message);
  }
}

/** A-d-l ":" of a source route: `@one,@two:`. */
function skipRoute(text: string, at: number, options: AddressOptions): number {
  for (let from = at; ; from++) {
    if (text[from] !== '@') throw new AddressSyntaxError('syntax', 'Bad source route');
    from = scanDomain(text, from + 1, options).end;
    if (text[from] === ':') return from + 1;
    if (text[from] !== ',') throw new AddressSyntaxError('syntax', 'Bad source route');
  }
}

function isAscii(text: string, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}
