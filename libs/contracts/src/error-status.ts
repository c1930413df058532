import { Metadata, status as Status, type StatusObject } from '@grpc/grpc-js';
import { type ErrorCode, isStoaError, StoaError, toStoaError } from '@stoa/plugin-sdk';

const CODE_KEY = 'stoa-code';
const RETRYABLE_KEY = 'stoa-retryable';

const TO_STATUS: Readonly<Record<ErrorCode, Status>> = {
  cancelled: Status.CANCELLED,
  'invalid-argument': Status.INVALID_ARGUMENT,
  'deadline-exceeded': Status.DEADLINE_EXCEEDED,
  'not-found': Status.NOT_FOUND,
  'already-exists': Status.ALREADY_EXISTS,
  'permission-denied': Status.PERMISSION_DENIED,
  unauthenticated: Status.UNAUTHENTICATED,
  'resource-exhausted': Status.RESOURCE_EXHAUSTED,
  'failed-precondition': Status.FAILED_PRECONDITION,
  conflict: Status.ABORTED,
  'out-of-range': Status.OUT_OF_RANGE,
  unimplemented: Status.UNIMPLEMENTED,
  internal: Status.INTERNAL,
  unavailable: Status.UNAVAILABLE,
  'data-loss': Status.DATA_LOSS,
  'over-quota': Status.RESOURCE_EXHAUSTED,
  'rate-limited': Status.RESOURCE_EXHAUSTED,
  'too-large': Status.INVALID_ARGUMENT,
  'limit-exceeded': Status.FAILED_PRECONDITION,
  'storage-full': Status.RESOURCE_EXHAUSTED,
  'unsupported-version': Status.FAILED_PRECONDITION,
  'invalid-configuration': Status.INVALID_ARGUMENT,
};

const FROM_STATUS: Readonly<Partial<Record<Status, ErrorCode>>> = {
  [Status.CANCELLED]: 'cancelled',
  [Status.INVALID_ARGUMENT]: 'invalid-argument',
  [Status.DEADLINE_EXCEEDED]: 'deadline-exceeded',
  [Status.NOT_FOUND]: 'not-found',
  [Status.ALREADY_EXISTS]: 'already-exists',
  [Status.PERMISSION_DENIED]: 'permission-denied',
  [Status.UNAUTHENTICATED]: 'unauthenticated',
  [Status.RESOURCE_EXHAUSTED]: 'resource-exhausted',
  [Status.FAILED_PRECONDITION]: 'failed-precondition',
  [Status.ABORTED]: 'conflict',
  [Status.OUT_OF_RANGE]: 'out-of-range',
  [Status.UNIMPLEMENTED]: 'unimplemented',
  [Status.INTERNAL]: 'internal',
  [Status.UNAVAILABLE]: 'unavailable',
  [Status.DATA_LOSS]: 'data-loss',
};

/**
 * An error as a gRPC status. The code and the retryability travel in the trailing metadata; the cause stays here. An error
 * that is no StoaError crosses as `internal` with a general message, since its own could say anything.
 */
export function toStatus(error: unknown): Partial<StatusObject> {
  const known = toStoaError(error);
  const metadata = new Metadata();
  metadata.set(CODE_KEY, known.code);
  metadata.set(RETRYABLE_KEY, String(known.retryable));
  return { code: TO_STATUS[known.code] ?? Status.INTERNAL, details: wordsOf(error), metadata };
}

/** What the other side may read of an error. */
export function wordsOf(error: unknown): string {
  const known = toStoaError(error);
  return known === error || known.code !== 'internal' ? known.message : 'internal error';
}

/** An error that crossed by its parts; a code that this version does not know counts as `internal`. */
export function errorOf(code: string, message: string, retryable: boolean): StoaError {
  return new StoaError(isErrorCode(code) ? code : 'internal', message, { retryable });
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(TO_STATUS, code);
}

/** A gRPC status, ours or a stranger's, as a StoaError. A code that this version does not know falls back to the status. */
export function fromStatus(error: unknown): StoaError {
  if (isStoaError(error)) return error;
  const { code, details, metadata } = (error ?? {}) as Partial<StatusObject>;
  if (typeof code !== 'number') return toStoaError(error);
  const sent = metadata?.get?.(CODE_KEY)[0];
  const retryable = metadata?.get?.(RETRYABLE_KEY)[0];
  const mapped = typeof sent === 'string' && isErrorCode(sent) ? sent : (FROM_STATUS[code] ?? 'internal');
  return new StoaError(mapped, details || `the call failed with status ${code}`, {
    cause: error,
    ...(typeof retryable === 'string' ? { retryable: retryable === 'true' } : {}),
  });
}

/** How the client's library says that there was no connection to make the call on. */
const NO_CONNECTION =
  /^(?:\w+: )?No connection established(?:\. Last error: (?:Error: )?(.*?)(?:\. Resolution note: .*)?)?$/s;
const TLS_FAILURE = /certificate|self[- ]signed|altname|issuer|alert|handshake|wrong version|\b(?:SSL|TLS)\b/i;

function noConnection(details: string, peer: string): string | undefined {
  const match = NO_CONNECTION.exec(details);
  if (match === null) return undefined;
  const reason = match[1] === undefined || match[1] === 'null' ? 'no answer yet' : match[1];
  const hint = TLS_FAILURE.test(reason)
    ? '; both sides need a certificate whose authority the other trusts: check "ca", "cert" and "key" there and here'
    : '';
  return `cannot connect to ${peer}: ${reason}${hint}`;
}

/**
 * What a call to `peer` (host:port) failed with, for the one who made it. A reset that neither side's code asked for, as when a server is shut down
 * in the middle of a call, has the status CANCELLED or INTERNAL; to a caller that did not give up the server is just unavailable.
 */
export function fromCallStatus(error: unknown, signal: AbortSignal | undefined, peer: string): StoaError {
  const known = fromStatus(error);
  if (known === error || signal?.aborted) return known;
  const { metadata, details = '' } = error as Partial<StatusObject>;
  const unconnected = known.code === 'unavailable' ? noConnection(details, peer) : undefined;
  if (unconnected !== undefined) return new StoaError('unavailable', unconnected, { cause: error });
  const isReset =
    known.code === 'cancelled' || (known.code === 'internal' && details.startsWith('Received RST_STREAM'));
  if (!isReset || metadata?.get?.(CODE_KEY).length) return known;
  return new StoaError('unavailable', 'the server ended the call', { cause: error });
}
