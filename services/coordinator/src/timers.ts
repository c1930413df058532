/** Time as the coordinator sees it; tests bring their own. */
export interface Timers {
  /** Milliseconds since 1970-01-01 UTC. */
  now(): number;
  /** Runs something again and again; returns what ends it. */
  every(ms: number, run: () => void): () => void;
  wait(ms: number): Promise<void>;
}

export const systemTimers: Timers = {
  now: Date.now,
  every(ms, run) {
    const timer = setInterval(run, ms);
    timer.unref();
    return () => clearInterval(timer);
  },
  wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};
