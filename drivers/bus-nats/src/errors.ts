import { isStoaError, StoaError } from '@stoa/plugin-sdk';

/** Codes of Node.js when a certificate or the TLS handshake fails. */
const TLS_CODE =
  /^(ERR_TLS_|ERR_SSL_|ERR_OSSL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|CERT_|HOSTNAME_MISMATCH|INVALID_CA)/;

/** Codes of the client for what a login meets. */
const LOGIN_CODE = /^(AUTHORIZATION_VIOLATION|AUTHENTICATION_EXPIRED|ACCOUNT_EXPIRED|BAD_AUTHENTICATION|BAD_CREDS)$/;

/** What the client says when there is nobody, in words. */
const WORDS: Readonly<Record<string, string>> = {
  CONNECTION_REFUSED: 'connection refused',
  TIMEOUT: 'no answer in time',
  CONNECTION_CLOSED: 'the connection was closed',
  DISCONNECT: 'the connection was closed',
};

/**
 * Any failure of the client as a StoaError: `unavailable` when the server cannot be reached or does not answer;
 * `invalid-configuration` when it refuses what no waiting mends.
 */
export function natsError(error: unknown, place: string, loginKeys = '"user" and "password"'): StoaError {
  if (isStoaError(error)) return error;
  const text = error instanceof Error ? error.message : String(error);
  const code = codeOf(error);
  const cause = new Error(text);
  if (TLS_CODE.test(code)) {
    return new StoaError('invalid-configuration', `${place}: TLS failed (${code}: ${text}); check "tls"`, { cause });
  }
  if (LOGIN_CODE.test(code)) {
    const message = `${place}: the server refuses the login; check ${loginKeys} (${text})`;
    return new StoaError('invalid-configuration', message, { cause });
  }
  if (code === 'MAX_PAYLOAD_EXCEEDED') {
    return new StoaError('too-large', `${place}: the message is larger than the server takes`, { cause });
  }
  return new StoaError('unavailable', `${place}: ${WORDS[code] ?? text}`, { cause });
}

/** Node's code, which the client keeps as the cause of its own. */
function codeOf(error: unknown): string {
  const { code, chainedError } = (error ?? {}) as { code?: unknown; chainedError?: unknown };
  const inner = chainedError === undefined ? '' : codeOf(chainedError);
  return TLS_CODE.test(inner) || typeof code !== 'string' ? inner : code;
}
