import { StoaError } from '@stoa/plugin-sdk';
import type { ClientCallOptions, ServerCall } from './rpc.ts';

/** Milliseconds that a call may take when neither the caller nor the channel says otherwise. */
export const DEFAULT_TIMEOUT_MS = 30_000;

/** Longest delay that a Node timer takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The signal and deadline of one call, from the caller's signal and time limit. `close` must be called at the end. */
export class CallScope implements ServerCall {
  readonly deadline: number;
  /** Made when somebody asks for the signal; many calls end before anybody does. */
  #controller: AbortController | undefined;
  #reason: StoaError | undefined;
  readonly #waiting = new Set<(reason: StoaError) => void>();
  #timer: NodeJS.Timeout | undefined;
  #unlisten: (() => void) | undefined;

  constructor(options: ClientCallOptions | undefined, defaultTimeoutMs: number) {
    const timeoutMs = options?.timeoutMs ?? defaultTimeoutMs;
    this.deadline = timeoutMs === Number.POSITIVE_INFINITY ? timeoutMs : Date.now() + timeoutMs;
    if (timeoutMs <= MAX_TIMER_MS) {
      this.#timer = setTimeout(() => this.abort(new StoaError('deadline-exceeded', 'the deadline passed')), timeoutMs);
      this.#timer.unref?.();
    }
    const outer = options?.signal;
    if (outer === undefined) return;
    const onAbort = () => this.abort(new StoaError('cancelled', 'the caller gave up', { cause: outer.reason }));
    if (outer.aborted) onAbort();
    else {
      outer.addEventListener('abort', onAbort, { once: true });
      this.#unlisten = () => outer.removeEventListener('abort', onAbort);
    }
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  abort(reason: StoaError): void {
    this.close();
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#controller?.abort(reason);
    for (const reject of this.#waiting) reject(reason);
    this.#waiting.clear();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#unlisten?.();
    this.#unlisten = undefined;
  }

  /** Settles like `promise`, or rejects with the reason of the abort, whichever comes first. */
  race<T>(promise: Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#reason !== undefined) {
        promise.catch(() => {});
        reject(this.#reason);
        return;
      }
      this.#waiting.add(reject);
      promise.then(
        (value) => {
          this.#waiting.delete(reject);
          resolve(value);
        },
        (error) => {
          this.#waiting.delete(reject);
          reject(error);
        },
      );
    });
  }
}
