import { type AddressOptions, AddressSyntaxError, type MailAddress } from './address.ts';
import { isAsciiText, isAtext, isPrintableNonAscii } from './ascii.ts';
import { canonicalDomain, canonicalLiteral, MAX_DOMAIN } from './domain.ts';
import { formatAddress } from './format.ts';

/** Octets of an address: a path (RFC 5321 section 4.5.3.1.3) without its angle brackets. */
const MAX_ADDRESS = 254;
const MAX_LOCAL = 64;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const DOT = 0x2e;
const AT = 0x40;

/**
 * Reads `local@domain` (Mailbox of RFC 5321 section 4.1.2; with `utf8` as RFC 6531 section 3.3 widens it), nothing
 * before or after it.
 * @throws AddressSyntaxError
 */
export function parseAddress(text: string, options: AddressOptions = {}): MailAddress {
  if (!text.isWellFormed()) throw syntax('Broken Unicode');
  const { address, end } = scanAddress(text, 0, options);
  if (end !== text.length) throw syntax('Unexpected character after the address');
  return address;
}

/** Reads the Mailbox that begins at `at`; `end` is the place after it. */
export function scanAddress(text: string, at: number, options: AddressOptions): { address: MailAddress; end: number } {
  const { local, end: sign } = scanLocal(text, at, options);
  if (text.charCodeAt(sign) !== AT) throw syntax('The address lacks its domain');
  const { domain, end } = scanDomain(text, sign + 1, options);
  if (Buffer.byteLength(local) > (options.maxLocal ?? MAX_LOCAL)) {
    throw new AddressSyntaxError('local-too-long', 'Local part too long');
  }
  const address = { local, domain };
  if (Buffer.byteLength(formatAddress(address)) > MAX_ADDRESS)
    throw new AddressSyntaxError('too-long', 'Address too long');
  return { address, end };
}

export function scanLocal(text: string, at: number, options: AddressOptions): { local: string; end: number } {
  return text.charCodeAt(at) === QUOTE ? scanQuoted(text, at, options) : scanDotString(text, at, options);
}

function scanDotString(text: string, at: number, options: AddressOptions): { local: string; end: number } {
  const utf8 = options.utf8 === true;
  let end = at;
  for (; end < text.length; end++) {
    const code = text.charCodeAt(end);
    if (code !== DOT && !isAtext(code, utf8)) {
      if (code > 127 && !utf8) throw nonAscii();
      break;
    }
  }
  const local = text.slice(at, end);
  if (local === '') throw syntax('The local part is empty or holds a character that must be quoted');
  if (options.lenient !== true && (local.startsWith('.') || local.endsWith('.') || local.includes('..'))) {
    throw syntax('A dot in the local part stands between characters');
  }
  return { local, end };
}

function scanQuoted(text: string, at: number, options: AddressOptions): { local: string; end: number } {
  let local = '';
  let from = at + 1;
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) {
      local += text.slice(from, i);
      if (local === '') throw syntax('The local part is empty');
      return { local, end: i + 1 };
    }
    if (code === BACKSLASH) {
      local += text.slice(from, i);
      i++;
      from = i;
      const escaped = text.charCodeAt(i);
      if (!(escaped >= 0x20 && escaped < 0x7f)) throw syntax('Bad quoted pair in the local part');
    } else if (code > 127) {
      if (options.utf8 !== true) throw nonAscii();
      if (!isPrintableNonAscii(code)) throw syntax('Bad character in the local part');
    } else if (code < 0x20 || code === 0x7f) throw syntax('Bad character in the local part');
  }
  throw syntax('The quoted local part does not end');
}

/** Reads a Domain or an address-literal up to `>`, `,`, `:`, a space or the end. */
export function scanDomain(text: string, at: number, options: AddressOptions): { domain: string; end: number } {
  let end = at;
  if (text[at] === '[') {
    end = text.indexOf(']', at) + 1;
    const domain = end === 0 ? undefined : canonicalLiteral(text.slice(at, end));
    if (domain === undefined) throw syntax('Bad address literal');
    return { domain, end };
  }
  while (end < text.length && !'>,: '.includes(text[end]!)) end++;
  const written = text.slice(at, end);
  const utf8 = options.utf8 === true;
  if (Buffer.byteLength(written) > 4 * MAX_DOMAIN) throw new AddressSyntaxError('domain-too-long', 'Domain too long');
  if (!utf8 && !isAsciiText(written)) throw nonAscii();
  const domain = canonicalDomain(written, { utf8, lenient: options.lenient === true });
  if (domain === undefined) {
    if (written.length > MAX_DOMAIN) throw new AddressSyntaxError('domain-too-long', 'Domain too long');
    throw syntax('Bad domain name');
  }
  return { domain, end };
}

function syntax(message: string): AddressSyntaxError {
  return new AddressSyntaxError('syntax', message);
}

function nonAscii(): AddressSyntaxError {
  return new AddressSyntaxError('non-ascii', 'A character beyond ASCII needs SMTPUTF8');
}
