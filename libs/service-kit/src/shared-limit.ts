import type { StoaError } from '@stoa/plugin-sdk';

/** Where time comes from. */
export interface LimitClock {
  now(): number;
  /** Runs something once; returns what calls it off. */
  after(ms: number, run: () => void): () => void;
}

const systemClock: LimitClock = {
  now: Date.now,
  after(ms, run) {
    const timer = setTimeout(run, ms).unref();
    return () => clearTimeout(timer);
  },
};

/** Calls that begin within so long end together. */
const SLICE_MS = 250;

/** A limit of time for many short calls: those that begin shortly one after the other have one signal and one timer. */
export class SharedLimit {
  readonly #clock: LimitClock;
  readonly #ms: number;
  readonly #reason: () => StoaError;
  #current: { signal: AbortSignal; until: number } | undefined;
  readonly #running = new Map<AbortController, () => void>();

  /** \`ms\`: how long a call has at least; it has a quarter of a second more at most. */
  constructor(ms: number, reason: () => StoaError, clock = systemClock) {
    this.#clock = clock;
    this.#ms = ms;
    this.#reason = reason;
  }

  /** For a call that begins now: aborted when its time is over. */
  get signal(): AbortSignal {
    const now = this.#clock.now();
    const current = this.#current;
    // A clock that was set back begins anew.
    if (current !== undefined && now < current.until && now >= current.until - SLICE_MS) return current.signal;
    const controller = new AbortController();
    this.#current = { signal: controller.signal, until: now + SLICE_MS };
    const cancel = this.#clock.after(this.#ms + SLICE_MS, () => {
      this.#running.delete(controller);
      controller.abort(this.#reason());
    });
    this.#running.set(controller, cancel);
    return controller.signal;
  }

  /** Ends what is still under way. */
  close(reason: StoaError): void {
    for (const [controller, cancel] of this.#running) {
      cancel();
      controller.abort(reason);
    }
    this.#running.clear();
    this.#current = undefined;
  }
}
