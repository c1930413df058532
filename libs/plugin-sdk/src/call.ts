import { StoaError, toStoaError } from './errors.ts';

/** What every call of a driver may be given. */
export interface CallOptions {
  /** Aborted when nobody waits for the result any more. A driver stops work that has no effect yet. */
  signal?: AbortSignal | undefined;
}

/** Closes in any order, twice without harm. After it no call of the driver is made. */
export interface Driver {
  /** Resolves when the store or bus behind the driver answers; rejects with `unavailable` else. Cheap, called every few seconds. */
  check(): Promise<void>;
  close(): Promise<void>;
}

/**
 * The error a cancelled call rejects with: the reason of the signal if that is a StoaError, `deadline-exceeded` for that
 * of `AbortSignal.timeout`, else `cancelled`.
 */
export function cancellation(signal: AbortSignal): StoaError {
  const error = toStoaError(signal.reason);
  return error.code === 'internal'
    ? new StoaError('cancelled', 'the call was cancelled', { cause: signal.reason })
    : error;
}

/** Throws the `cancellation` of a signal that is aborted. */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw cancellation(signal);
}
