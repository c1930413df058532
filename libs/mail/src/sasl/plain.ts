import { isUtf8 } from 'node:buffer';

/** What PLAIN and LOGIN prove an identity with. */
export interface SaslCredentials {
  /** The identity to act as; empty: the one that authenticates. */
  readonly authzid: string;
  readonly authcid: string;
  readonly password: string;
}

/**
 * The message of PLAIN (RFC 4616 section 2): `[authzid] NUL authcid NUL passwd`. Undefined unless there are exactly two
 * NULs, an authcid and a password, in valid UTF-8.
 */
export function parseSaslPlain(message: Uint8Array): SaslCredentials | undefined {
  const first = message.indexOf(0);
  const second = first < 0 ? -1 : message.indexOf(0, first + 1);
  if (second < 0 || message.indexOf(0, second + 1) >= 0) return undefined;
  const authzid = saslText(message.subarray(0, first));
  const authcid = saslText(message.subarray(first + 1, second));
  const password = saslText(message.subarray(second + 1));
  if (authzid === undefined || !authcid || !password) return undefined;
  return { authzid, authcid, password };
}

/**
 * The message of PLAIN for a client.
 * @throws RangeError where a part holds a NUL, or authcid or password is empty
 */
export function formatSaslPlain(credentials: SaslCredentials): Buffer {
  const { authzid, authcid, password } = credentials;
  if (authcid === '' || password === '' || [authzid, authcid, password].some((part) => part.includes('\0'))) {
    throw new RangeError('credentials that PLAIN cannot carry');
  }
  return Buffer.from(`${authzid}\0${authcid}\0${password}`);
}

/** Text of an exchange; undefined where it is not UTF-8 or holds a NUL. */
export function saslText(bytes: Uint8Array): string | undefined {
  if (!isUtf8(bytes) || bytes.includes(0)) return undefined;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
