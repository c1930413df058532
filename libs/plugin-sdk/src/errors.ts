/**
 * Stable error codes. Messages may change, codes may not: protocols, contracts and third parties decide by them.
 *
 * The first group mirrors the status codes of gRPC; the second is Stoa's own, each carried inside one of the first.
 */
export type ErrorCode =
  | 'cancelled'
  | 'invalid-argument'
  | 'deadline-exceeded'
  | 'not-found'
  | 'already-exists'
  | 'permission-denied'
  | 'unauthenticated'
  | 'resource-exhausted'
  | 'failed-precondition'
  | 'conflict'
  | 'out-of-range'
  | 'unimplemented'
  | 'internal'
  | 'unavailable'
  | 'data-loss'
  | 'over-quota'
  | 'rate-limited'
  | 'too-large'
  | 'limit-exceeded'
  | 'storage-full'
  | 'unsupported-version'
  | 'invalid-configuration';

const BRAND = Symbol.for('stoa.error');

export interface StoaErrorOptions {
  /** The same call may succeed later without a change by the caller. Defaults by code. */
  retryable?: boolean;
  /** What led to this; for the log, never for the wire. */
  cause?: unknown;
}

const RETRYABLE: ReadonlySet<ErrorCode> = new Set([
  'deadline-exceeded',
  'conflict',
  'unavailable',
  'resource-exhausted',
  'rate-limited',
  'over-quota',
  'storage-full',
]);

/** The one error type of Stoa: a stable `code`, whether a retry may help, and the cause for the log. */
export class StoaError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;

  constructor(code: ErrorCode, message: string, options: StoaErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'StoaError';
    this.code = code;
    this.retryable = options.retryable ?? RETRYABLE.has(code);
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/** Recognises a StoaError by its brand, so that one from another copy of this package counts too. */
export function isStoaError(error: unknown): error is StoaError {
  return typeof error === 'object' && error !== null && (error as Record<symbol, unknown>)[BRAND] === true;
}

/** Recognises a StoaError of one code. */
export function hasCode(error: unknown, code: ErrorCode): error is StoaError {
  return isStoaError(error) && error.code === code;
}

/** Any thrown value as a StoaError: itself if it is one, `cancelled` for an abort, else `internal` with it as cause. */
export function toStoaError(error: unknown): StoaError {
  if (isStoaError(error)) return error;
  const name = (error as { name?: unknown } | null)?.name;
  if (name === 'AbortError') return new StoaError('cancelled', 'the call was cancelled', { cause: error });
  if (name === 'TimeoutError') return new StoaError('deadline-exceeded', 'the deadline passed', { cause: error });
  const message = error instanceof Error ? error.message : String(error);
  return new StoaError('internal', message, { cause: error });
}
