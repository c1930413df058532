/** Keys that are remembered, at most; beyond it all are forgotten. */
const KEYS_LIMIT = 1_000;

/** Lets a line through once in a while for each key, so that a stream of bad input does not become a stream of log lines. */
export class LogLimiter {
  readonly #now: () => number;
  readonly #intervalMs: number;
  readonly #keys = new Map<string, { at: number; suppressed: number }>();

  constructor(now: () => number, intervalMs: number) {
    this.#now = now;
    this.#intervalMs = intervalMs;
  }

  /** How many lines of the key were held back since the last one; undefined when this one is held back too. */
  pass(key: string): number | undefined {
    const now = this.#now();
    const known = this.#keys.get(key);
    if (known !== undefined && now >= known.at && now - known.at < this.#intervalMs) {
      known.suppressed += 1;
      return undefined;
    }
    if (known === undefined && this.#keys.size >= KEYS_LIMIT) this.#keys.clear();
    this.#keys.set(key, { at: now, suppressed: 0 });
    return known?.suppressed ?? 0;
  }
}
