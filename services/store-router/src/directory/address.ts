import {
  canonicalAddress,
  canonicalDomain,
  canonicalLocal,
  formatAddress,
  parseAddress,
  splitSubaddress,
} from '@stoa/mail';
import { StoaError } from '@stoa/plugin-sdk';

/** Longest local part in the directory, in octets: SMTP's limit. */
const MAX_LOCAL = 64;

/** A domain's canonical name: lower case, A-labels. Rejects what is no domain. */
export function domainName(text: string): string {
  const domain = canonicalDomain(text);
  if (domain === undefined || !domain.includes('.') || domain.startsWith('[')) {
    throw new StoaError('invalid-argument', `${shown(text)} is no domain name, such as "example.org"`);
  }
  return domain;
}

/** An address in the form in which the directory keeps it: domain canonical, local part NFC and lower case. */
export function directoryAddress(text: string): string {
  return canonicalAddress(parsed(text), { foldCase: true });
}

/** The same for an address that may be outside, whose local part is left as it is. */
export function outsideAddress(text: string): string {
  return canonicalAddress(parsed(text));
}

/** An alias's target in a domain of ours: lower case but for its subaddress, since mailbox names tell cases apart. */
export function targetAddress(text: string): string {
  const { local, domain } = parsed(text);
  const { user, detail } = splitLocal(local);
  return `${user}${detail === undefined ? '' : `+${detail}`}@${domain}`;
}

/** The user, folded, and the subaddress as it was written. */
export function splitLocal(local: string): { user: string; detail?: string } {
  const { user, detail } = splitSubaddress(local.normalize('NFC'));
  const folded = canonicalLocal(user, { foldCase: true });
  return detail === undefined ? { user: folded } : { user: folded, detail };
}

function parsed(text: string) {
  try {
    const address = parseAddress(text, { utf8: true, maxLocal: MAX_LOCAL });
    if (address.domain !== '' && !address.domain.startsWith('[')) return address;
  } catch (error) {
    throw new StoaError('invalid-argument', `${shown(text)} is no address, such as "user@example.org"`, {
      cause: error,
    });
  }
  throw new StoaError('invalid-argument', `the address ${shown(text)} needs a domain`);
}

const shown = (text: string) => JSON.stringify(text.slice(0, 320));

/** Whether it is an address at an address literal, such as `user@[192.0.2.1]`: never one of ours. */
export function isAtLiteral(text: string): boolean {
  try {
    return parseAddress(text, { utf8: true, maxLocal: MAX_LOCAL }).domain.startsWith('[');
  } catch {
    return false;
  }
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

/** A canonical address as commands and header fields have it: quoted where it must be. */
export function wireAddress(address: string): string {
  return formatAddress({ local: localOf(address), domain: domainOf(address) });
}
