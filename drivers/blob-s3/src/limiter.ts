import { StoaError } from '@stoa/plugin-sdk';

/** Lets so many work at a time; the others wait in the order they came. */
export class Limiter {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(places: number) {
    this.#free = places;
  }

  /** Resolves to what gives the place back; that may be called twice. Rejects when none was free in time (ms). */
  async acquire(waitMs: number, signal?: AbortSignal): Promise<() => void> {
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(waitMs, signal);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const [next] = this.#waiting;
      if (next === undefined) this.#free += 1;
      else next();
    };
  }

  #wait(waitMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        this.#waiting.delete(enter);
      };
      const enter = () => {
        leave();
        resolve();
      };
      const onAbort = () => {
        leave();
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        leave();
        reject(new StoaError('unavailable', 'all connections to S3 are in use'));
      }, waitMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(enter);
    });
  }
}
