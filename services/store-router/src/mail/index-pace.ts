import { performance } from 'node:perf_hooks';

/** Milliseconds of work after which the pace is looked at. */
const WORK_MS = 100;
/** How long work stops for a look at what else is under way. */
const LOOK_MS = 10;
/** Part of the time for which others keep the event loop, from which on they come first. */
const BUSY = 0.5;
/** Rest for each time of work while others keep the event loop, and the most at a time: work goes on, slowly. */
const REST_FACTOR = 9;
const MAX_REST_MS = 2_000;

export interface PaceOptions {
  /** Milliseconds of a clock that never goes back. */
  now?(): number;
  delay?(ms: number): Promise<void>;
  /** Begins to watch the event loop; what it returns tells the part of the time since then for which it was busy, 0 to 1. */
  watch?(): () => number;
}

/**
 * Lets work that can wait give way: mail that comes in, and clients that wait for an answer, need the same cores. While others
 * keep the event loop busy, it works for a tenth of the time; else it stops for a moment now and then to see.
 */
export class IndexPace {
  readonly #now: () => number;
  readonly #delay: (ms: number) => Promise<void>;
  readonly #watch: () => () => number;
  #since: number;

  constructor(options: PaceOptions = {}) {
    this.#now = options.now ?? (() => performance.now());
    this.#delay = options.delay ?? ((ms) => new Promise((resolve) => setTimeout(resolve, ms)));
    this.#watch = options.watch ?? watchEventLoop;
    this.#since = this.#now();
  }

  /** To be called before each piece of work; resolves when it may begin. */
  async rest(): Promise<void> {
    const worked = this.#now() - this.#since;
    if (worked < WORK_MS) return;
    const longest = Math.min(worked * REST_FACTOR, MAX_REST_MS);
    for (let rested = 0; rested < longest; rested += LOOK_MS) {
      const busy = this.#watch();
      await this.#delay(LOOK_MS);
      if (busy() < BUSY) break;
    }
    this.#since = this.#now();
  }
}

function watchEventLoop(): () => number {
  const begun = performance.eventLoopUtilization();
  return () => performance.eventLoopUtilization(begun).utilization;
}
