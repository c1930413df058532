import { isUtf8 } from 'node:buffer';
import { decodeUtf7, encodeUtf7, Utf7Error } from './utf7.ts';

/** Between the levels of a mailbox name. */
export const HIERARCHY_SEPARATOR = '/';

export const INBOX = 'INBOX';

/** Octets of UTF-8 that a whole name may have. */
export const MAX_MAILBOX_NAME = 1000;

/** Levels that a name may have. */
export const MAX_MAILBOX_LEVELS = 64;

/**
 * The one spelling of a name: INBOX is the same in any case (RFC 9051 section 5.1), alone and as the first level, so
 * that `inbox/lists` cannot stand beside `INBOX/lists`.
 */
export function canonicalMailboxName(name: string): string {
  const rest = name.charCodeAt(INBOX.length);
  if (name.length > INBOX.length && rest !== 0x2f) return name;
  const first = name.slice(0, INBOX.length);
  return first !== INBOX && first.toUpperCase() === INBOX ? INBOX + name.slice(INBOX.length) : name;
}

/** The name as a client of this session reads it: UTF-8 after ENABLE IMAP4rev2 or UTF8=ACCEPT, else modified UTF-7. */
export function encodeMailboxName(name: string, utf8: boolean): Buffer {
  return utf8 ? Buffer.from(name, 'utf8') : Buffer.from(encodeUtf7(name), 'latin1');
}

/**
 * The name that a client sent; undefined when the octets are not a name. Names with octets above 127 are UTF-8 in any
 * session: some clients send them so, and as modified UTF-7 they would be wrong.
 */
export function decodeMailboxName(octets: Buffer, utf8: boolean): string | undefined {
  let ascii = true;
  let shifted = false;
  for (let i = 0; i < octets.length; i++) {
    const octet = octets[i]!;
    if (octet >= 0x80) ascii = false;
    else if (octet === 0x26) shifted = true;
  }
  if (!ascii) return isUtf8(octets) ? canonicalMailboxName(octets.toString('utf8')) : undefined;
  const text = octets.toString('latin1');
  if (utf8 || !shifted) return canonicalMailboxName(text);
  try {
    return canonicalMailboxName(decodeUtf7(text));
  } catch (error) {
    if (error instanceof Utf7Error) return undefined;
    throw error;
  }
}

/** Why a mailbox of this name cannot be made; undefined when it can. The text may go on the wire. */
export function mailboxNameFault(name: string): string | undefined {
  if (name === '') return 'The name is empty';
  if (Buffer.byteLength(name, 'utf8') > MAX_MAILBOX_NAME) return 'The name is too long';
  if (!name.isWellFormed()) return 'The name is not Unicode text';
  // Net-Unicode (RFC 5198) has no control characters and neither of the two Unicode line ends.
  if (/[\p{Cc}\u2028\u2029]/u.test(name)) return 'The name has control characters';
  if (/[%*]/.test(name)) return 'The name has wildcards';
  const levels = name.split(HIERARCHY_SEPARATOR);
  if (levels.includes('')) return 'The name has an empty level';
  if (levels.length > MAX_MAILBOX_LEVELS) return 'The name has too many levels';
  return undefined;
}

/** A name given to CREATE: the separator at its end says that names below it will follow (RFC 9051 section 6.3.4). */
export function nameToCreate(name: string): string {
  return name.length > 1 && name.endsWith(HIERARCHY_SEPARATOR) ? name.slice(0, -1) : name;
}

/** The names above this one, the nearest first: `a/b` and `a` for `a/b/c`. */
export function parentNames(name: string): string[] {
  const parents: string[] = [];
  for (let at = name.lastIndexOf(HIERARCHY_SEPARATOR); at > 0; at = name.lastIndexOf(HIERARCHY_SEPARATOR, at - 1)) {
    parents.push(name.slice(0, at));
  }
  return parents;
}
