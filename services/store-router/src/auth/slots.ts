import { cancellation, StoaError } from '@stoa/plugin-sdk';

interface Waiting {
  go(): void;
}

/** Lets so many pieces of work run at a time; further ones wait in their order, and beyond a bound are refused. */
export class Slots {
  readonly #maxWaiting: number;
  readonly #waiting = new Set<Waiting>();
  #free: number;

  constructor(parallel: number, maxWaiting: number) {
    this.#free = parallel;
    this.#maxWaiting = maxWaiting;
  }

  /** `work` learns whether it had to wait. Rejects with `resource-exhausted` when too many wait, or as `signal` says. */
  async run<T>(work: (waited: boolean) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const waited = this.#free === 0;
    if (waited) await this.#turn(signal);
    else this.#free -= 1;
    try {
      return await work(waited);
    } finally {
      // The next one gets this very slot, so that nobody comes in between.
      const [next] = this.#waiting;
      if (next === undefined) this.#free += 1;
      else {
        this.#waiting.delete(next);
        next.go();
      }
    }
  }

  #turn(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(cancellation(signal));
      if (this.#waiting.size >= this.#maxWaiting) {
        return reject(new StoaError('resource-exhausted', 'too many logins at a time; try again later'));
      }
      const leave = () => {
        this.#waiting.delete(entry);
        reject(cancellation(signal as AbortSignal));
      };
      const entry = {
        go: () => {
          signal?.removeEventListener('abort', leave);
          resolve();
        },
      };
      this.#waiting.add(entry);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }
}
