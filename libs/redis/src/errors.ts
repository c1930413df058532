import { type ErrorCode, isStoaError, StoaError } from '@stoa/plugin-sdk';

/** Begins of the server's answers, and what they mean to the caller. */
const ANSWERS: readonly [RegExp, ErrorCode][] = [
  [/^OOM /, 'resource-exhausted'],
  [
    /^(READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|MOVED|ASK|TRYAGAIN|BUSY|MISCONF|NOREPLICAS|NOMASTERLINK) /,
    'unavailable',
  ],
  [/^(UNBLOCKED|NOGOODSLAVE|IOERR|FAILOVER)\b/, 'unavailable'],
  [/^ERR max number of clients reached/, 'unavailable'],
  [/^(NOAUTH|WRONGPASS|NOPERM|NOPROTO) /, 'invalid-configuration'],
  [/^ERR (invalid password|Client sent AUTH|AUTH <password> called without)/, 'invalid-configuration'],
  [/^ERR (DB index is out of range|invalid DB index|SELECT is not allowed in cluster mode)/, 'invalid-configuration'],
  [/^ERR (This instance has cluster support disabled|No such master with that name)/, 'invalid-configuration'],
  [/^ERR unknown command/, 'invalid-configuration'],
  [/^ERR (value is not an integer|increment or decrement would overflow)/, 'failed-precondition'],
  [/^WRONGTYPE /, 'failed-precondition'],
  [/^ERR invalid expire time/, 'invalid-argument'],
  [/^[A-Z]+ /, 'internal'],
];

/** What to change when the server refuses, by the begin of its answer. */
const ADVICE: readonly [RegExp, string][] = [
  [
    /^NOAUTH |^ERR AUTH <password> called without/,
    'it asks for a password: set "username" and "password" (or "password-file")',
  ],
  [/^WRONGPASS |^ERR invalid password/, 'it refuses the login: correct "username" and "password" (or "password-file")'],
  [/^ERR Client sent AUTH/, 'it has no password: remove "password"'],
  [/^NOPERM /, 'the ACL user lacks a permission: give it the rules of the README of this driver'],
  [/^ERR (DB index|invalid DB|SELECT is not)/, 'it has no such database: correct "database"'],
  [/^ERR This instance has cluster/, 'it is no cluster: use "host" or "url" instead of "cluster"'],
  [/^ERR No such master/, 'the Sentinels watch no master of this name: correct "master"'],
  [
    /^ERR unknown command|^NOPROTO /,
    'it is too old, or its administrator disabled a command that is needed: see the README',
  ],
];

/** Codes of Node.js when a certificate or the TLS handshake fails. */
const TLS_CODE = /^(ERR_TLS_|ERR_SSL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|CERT_|HOSTNAME_MISMATCH|INVALID_CA)/;

/** Answers that tell that the command was not executed, so that it may be sent again, elsewhere or later. */
const NOT_EXECUTED = /^(READONLY|LOADING|MASTERDOWN|CLUSTERDOWN|MOVED|ASK|TRYAGAIN|BUSY) /;

export interface RedisErrorOptions {
  /** What was reached for, in words: "Redis at localhost:6379". */
  place?: string;
  /** At the start a refused login is a matter of the configuration; later it is one of the server, and may pass. */
  starting?: boolean;
}

/**
 * Any failure of a call to Redis as a StoaError: `unavailable` when the server cannot be reached, does not answer or
 * cannot serve now; `invalid-configuration`, at the start, when something must be changed. The cause keeps the text
 * alone: errors of the client hold the arguments of the command, and so values and passwords.
 */
export function redisError(error: unknown, { place = 'Redis', starting = false }: RedisErrorOptions = {}): StoaError {
  if (isStoaError(error)) return error;
  const text = error instanceof Error ? error.message : String(error);
  const nodeCode = (error as { code?: unknown } | null)?.code;
  const cause = new Error(text);
  if (typeof nodeCode === 'string' && TLS_CODE.test(nodeCode)) {
    const message = `${place}: TLS failed (${nodeCode}: ${text}); check "tls"`;
    return new StoaError(starting ? 'invalid-configuration' : 'unavailable', message, { cause });
  }
  const code = ANSWERS.find(([pattern]) => pattern.test(text))?.[1] ?? 'unavailable';
  if (code === 'invalid-configuration') {
    const advice = ADVICE.find(([pattern]) => pattern.test(text))?.[1] ?? 'it refuses';
    return new StoaError(starting ? code : 'unavailable', `${place}: ${advice} (${text})`, { cause });
  }
  return new StoaError(code, `${place}: ${text}`, { cause });
}

/** Whether the server's answer excludes that the command had an effect. */
export function wasNotExecuted(error: unknown): boolean {
  return error instanceof Error && NOT_EXECUTED.test(error.message);
}
