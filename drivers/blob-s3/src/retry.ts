import { setTimeout as delay } from 'node:timers/promises';
import { cancellation, throwIfCancelled } from '@stoa/plugin-sdk';
import { classify, fromS3 } from './errors.ts';

const FIRST_MS = 50;
const LONGEST_MS = 2000;

export interface RetryOptions {
  retries: number;
  /** For all attempts together. */
  deadlineMs: number;
  signal?: AbortSignal | undefined;
  /** Before each attempt but the first. */
  onRetry?: (() => void) | undefined;
}

/** Time and chance, for the tests. */
export interface RetryEnvironment {
  now(): number;
  random(): number;
  sleep(ms: number, signal: AbortSignal | undefined): Promise<void>;
}

const environment: RetryEnvironment = {
  now: () => performance.now(),
  random: Math.random,
  sleep: async (ms, signal) => {
    await delay(ms, undefined, { signal });
  },
};

/** Wait before retry number `index`: doubles from 50 ms to 2 s, of which a random half is left out. */
export function backoff(index: number, random: () => number): number {
  const full = Math.min(FIRST_MS * 2 ** index, LONGEST_MS);
  return full * (0.5 + random() / 2);
}

/** The wait that the server asked for, ms. */
function retryAfter(error: unknown): number {
  const headers = (error as { $response?: { headers?: Record<string, string> } } | null)?.$response?.headers;
  const seconds = Number(headers?.['retry-after']);
  return Number.isFinite(seconds) ? seconds * 1000 : 0;
}

/**
 * Makes attempts until one succeeds, fails for good, or time and retries are used up. Rejects with a StoaError.
 * `attempt` gets the time that is left, ms.
 */
export async function retrying<T>(
  attempt: (leftMs: number) => Promise<T>,
  { retries, deadlineMs, signal, onRetry }: RetryOptions,
  clock: RetryEnvironment = environment,
): Promise<T> {
  const end = clock.now() + deadlineMs;
  for (let index = 0; ; index += 1) {
    throwIfCancelled(signal);
    try {
      return await attempt(Math.max(end - clock.now(), 1));
    } catch (error) {
      if (signal?.aborted) throw cancellation(signal);
      const wait = Math.max(backoff(index, clock.random), retryAfter(error));
      if (!classify(error).retry || index >= retries || clock.now() + wait >= end) throw fromS3(error);
      await clock.sleep(wait, signal).catch(() => {});
    }
    onRetry?.();
  }
}
