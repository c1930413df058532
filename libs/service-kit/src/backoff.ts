export interface BackoffOptions {
  minMs: number;
  maxMs: number;
  /** Between 0 and 1. */
  random?: (() => number) | undefined;
  /** Waits; gives up early when the signal aborts. */
  wait?: ((ms: number, signal: AbortSignal) => Promise<void>) | undefined;
}

/** Growing pauses between attempts, each between half and all of its length, so that many who wait do not come back at once. */
export class Backoff {
  readonly #options: BackoffOptions;
  #ms: number;

  constructor(options: BackoffOptions) {
    this.#options = options;
    this.#ms = options.minMs;
  }

  /** To be called after a success. */
  reset(): void {
    this.#ms = this.#options.minMs;
  }

  async wait(signal: AbortSignal): Promise<void> {
    const { random = Math.random, wait = waitFor, maxMs } = this.#options;
    const ms = this.#ms * (0.5 + random() / 2);
    this.#ms = Math.min(this.#ms * 2, maxMs);
    await wait(ms, signal);
  }
}

/** Resolves after a time, or when the signal aborts. */
function waitFor(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
