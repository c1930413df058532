import type { MailAddress } from './address.ts';
import { isAsciiText, isAtext } from './ascii.ts';

/**
 * The address as commands and header fields hold it, without angle brackets: the local part quoted where it must be
 * (RFC 5321 section 4.1.2 asks to quote only then). The bare `Postmaster` has no domain. Control characters pass: who
 * makes an address without `parseAddress` checks it.
 */
export function formatAddress(address: MailAddress): string {
  const local = formatLocal(address.local);
  return address.domain === '' ? local : `${local}@${address.domain}`;
}

/** Whether the address can only go to a server that offers SMTPUTF8 (its domain is ASCII always). */
export function needsSmtputf8(address: MailAddress): boolean {
  return !isAsciiText(address.local);
}

function formatLocal(local: string): string {
  return isDotString(local) ? local : `"${local.replace(/["\\]/g, '\\$&')}"`;
}

function isDotString(local: string): boolean {
  let dot = true;
  for (let i = 0; i < local.length; i++) {
    const isDot = local.charCodeAt(i) === 0x2e;
    if (isDot ? dot : !isAtext(local.charCodeAt(i), true)) return false;
    dot = isDot;
  }
  return !dot;
}
