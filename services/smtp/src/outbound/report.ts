import { setTimeout as wait } from 'node:timers/promises';
import type { Client, storage } from '@stoa/contracts';
import { type StoaError, toStoaError } from '@stoa/plugin-sdk';

/** Records the result of an attempt. Rejects with StoaError when that was not possible in time. */
export type ReportResult = (request: storage.ReportRequest) => Promise<void>;

export interface ReporterOptions {
  readonly queue: Pick<Client<typeof storage.QueueServiceDefinition>, 'report'>;
  /** How long it is tried, in milliseconds: as long as the lease lasts yet. */
  readonly patienceMs: number;
  /** When we stop, an attempt of recording that fails is the last. */
  readonly stopping: AbortSignal;
}

const CALL_MS = 10_000;
const FIRST_PAUSE_MS = 200;
const MAX_PAUSE_MS = 5_000;

/** Reports insistently: a result that is not recorded means that the message is sent once more. */
export function createReporter({ queue, patienceMs, stopping }: ReporterOptions): ReportResult {
  return async (request) => {
    const end = performance.now() + patienceMs;
    for (let pause = FIRST_PAUSE_MS, repeated = false; ; pause = Math.min(pause * 2, MAX_PAUSE_MS), repeated = true) {
      let failure: StoaError;
      try {
        await queue.report(request, { timeoutMs: CALL_MS });
        return;
      } catch (error) {
        failure = toStoaError(error);
      }
      // The answer to an earlier call may have been lost: then the result is recorded, and the lease over.
      if (failure.code === 'conflict' && repeated) return;
      if (failure.code === 'conflict' || !failure.retryable || performance.now() + pause > end) throw failure;
      try {
        await wait(pause, undefined, { signal: stopping });
      } catch {
        throw failure;
      }
    }
  };
}
