import { domainToASCII, domainToUnicode } from 'node:url';
import { isAsciiText } from './ascii.ts';
import { parseIpv4, parseIpv6 } from './ip.ts';

/** Octets of a domain (RFC 5321 section 4.5.3.1.2). */
export const MAX_DOMAIN = 255;
const MAX_LABEL = 63;

export interface DomainOptions {
  /** Whether U-labels are taken. Default true. */
  readonly utf8?: boolean;
  /** Takes `_` in labels, and a dot at the end. Default false. */
  readonly lenient?: boolean;
}

/**
 * The form of a domain name for lookups, comparison and the wire: lower-case, U-labels turned into A-labels (UTS 46, as
 * RFC 6531 section 3.2 needs). Undefined for what is no domain name: also for names whose last label is a number,
 * which programs take for IP addresses.
 */
export function canonicalDomain(text: string, options: DomainOptions = {}): string | undefined {
  const lenient = options.lenient === true;
  let name = lenient && text.endsWith('.') ? text.slice(0, -1) : text;
  if (name.length > MAX_DOMAIN) return undefined;
  if (isAsciiText(name)) name = name.toLowerCase();
  else {
    // domainToASCII reads percent signs and the like as URLs have them: nothing but letters may reach it.
    if (options.utf8 === false || !allLdh(name, lenient, true)) return undefined;
    name = domainToASCII(name);
  }
  return isDomainName(name, lenient) ? name : undefined;
}

/** The form of a canonical domain for people: with U-labels where they say the same; else the domain as it is. */
export function displayDomain(domain: string): string {
  if (!domain.includes('xn--')) return domain;
  const unicode = domainToUnicode(domain);
  return unicode !== '' && canonicalDomain(unicode, { lenient: true }) === domain ? unicode : domain;
}

/** `[192.0.2.1]` or `[IPv6:2001:db8::1]` in its one form; undefined for anything else, other tags included. */
export function canonicalLiteral(text: string): string | undefined {
  if (text.length > MAX_DOMAIN || !text.startsWith('[') || !text.endsWith(']')) return undefined;
  const content = text.slice(1, -1);
  if (content.slice(0, 5).toLowerCase() === 'ipv6:') {
    const address = parseIpv6(content.slice(5));
    return address === undefined ? undefined : `[IPv6:${address}]`;
  }
  const address = parseIpv4(content);
  return address === undefined ? undefined : `[${address}]`;
}

function allLdh(name: string, lenient: boolean, utf8: boolean): boolean {
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code < 128 ? !isLetDig(code) && code !== 0x2d && code !== 0x2e && !(lenient && code === 0x5f) : !utf8)
      return false;
  }
  return true;
}

function isLetDig(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a);
}

function isDomainName(name: string, lenient: boolean): boolean {
  if (name.length === 0 || name.length > MAX_DOMAIN || !allLdh(name, lenient, false)) return false;
  const labels = name.split('.');
  for (const label of labels) {
    if (label.length === 0 || label.length > MAX_LABEL || label.startsWith('-') || label.endsWith('-')) return false;
  }
  return !/^\d+$/.test(labels.at(-1)!);
}
