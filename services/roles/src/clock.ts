/** Time as the roles see it; tests bring their own. */
export interface Clock {
  now(): number;
  /** Runs something once; returns what calls it off. */
  after(ms: number, run: () => void): () => void;
  /** Between 0 and 1. */
  random(): number;
}

export const systemClock: Clock = {
  now: Date.now,
  after(ms, run) {
    const timer = setTimeout(run, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
  random: Math.random,
};
