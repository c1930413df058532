import type { MailAddress } from './address.ts';

export interface CanonicalOptions {
  /**
   * Whether the local part is turned to lower case. For domains of our own, whose mailboxes ignore case; others may
   * tell them apart (RFC 5321 section 2.4). Default false.
   */
  readonly foldCase?: boolean;
}

/**
 * The key under which an address is looked up and compared: local part in Unicode's form NFC and without quotes, `@`,
 * domain. The last `@` parts the two. Not for the wire: use `formatAddress`.
 */
export function canonicalAddress(address: MailAddress, options: CanonicalOptions = {}): string {
  const local = canonicalLocal(address.local, options);
  return address.domain === '' ? local : `${local}@${address.domain}`;
}

/** The local part as `canonicalAddress` has it. */
export function canonicalLocal(local: string, options: CanonicalOptions = {}): string {
  const composed = local.normalize('NFC');
  // Lower case can take a letter apart (U+0130), so the form is made again.
  return options.foldCase === true ? composed.toLowerCase().normalize('NFC') : composed;
}

/**
 * Splits `user+detail` (RFC 5233 section 1) at the first separator. No detail when there is no separator or nothing
 * before it; an empty detail when nothing follows.
 */
export function splitSubaddress(local: string, separator = '+'): { user: string; detail?: string } {
  const at = separator === '' ? -1 : local.indexOf(separator);
  return at < 1 ? { user: local } : { user: local.slice(0, at), detail: local.slice(at + separator.length) };
}
