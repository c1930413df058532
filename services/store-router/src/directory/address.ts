import { canonicalAddress, canonicalDomain, parseAddress } from '@stoa/mail';
import { StoaError } from '@stoa/plugin-sdk';

/** Longest local part in the directory, in octets: SMTP's limit. */
const MAX_LOCAL = 64;

/** A domain's canonical name: lower case, A-labels. Rejects what is no domain. */
export function domainName(text: string): string {
  const domain = canonicalDomain(text);
  if (domain === undefined || !domain.includes('.') || domain.startsWith('[')) {
    throw new StoaError('invalid-argument', `${JSON.stringify(text)} is no domain name, such as "example.org"`);
  }
  return domain;
}

/** An address in the form in which the directory keeps it: domain canonical, local part NFC and lower case. */
export function directoryAddress(text: string): string {
  return canonicalAddress(parsed(text), { foldCase: true });
}

/** The same for a target outside, whose local part is left as it is. */
export function outsideAddress(text: string): string {
  return canonicalAddress(parsed(text));
}

function parsed(text: string) {
  try {
    const address = parseAddress(text, { utf8: true, maxLocal: MAX_LOCAL });
    if (address.domain !== '' && !address.domain.startsWith('[')) return address;
  } catch (error) {
    throw new StoaError(
      'invalid-argument',
      `${JSON.stringify(text.slice(0, 320))} is no address, such as "user@example.org"`,
      { cause: error },
    );
  }
  throw new StoaError('invalid-argument', `the address ${JSON.stringify(text)} needs a domain`);
}

/** An alias: an address, or "*@domain" for all addresses of a domain that nothing else has. */
export function aliasAddress(text: string): string {
  return text.startsWith('*@') ? `*@${domainName(text.slice(2))}` : directoryAddress(text);
}

export function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1);
}

export function localOf(address: string): string {
  return address.slice(0, address.lastIndexOf('@'));
}
