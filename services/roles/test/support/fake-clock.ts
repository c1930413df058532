import type { Clock } from '../../src/clock.ts';

/** Lets everything run that waits for nothing but its turn. */
export async function settle(turns = 3): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Time that stands still until it is moved; chance that is always the middle. */
export class FakeClock implements Clock {
  #now = 1_700_000_000_000;
  #timers: { at: number; run: () => void; owner: object }[] = [];
  readonly #paused = new Set<object>();

  readonly now = () => this.#now;
  readonly after = (ms: number, run: () => void) => this.#add(ms, run, this);
  readonly random = () => 0.5;

  /** The clock of one process, which can be paused: its timers then fire late, when it wakes up. */
  process(): Clock & { pause(): void; resume(): Promise<void> } {
    const owner = {};
    return {
      now: this.now,
      after: (ms, run) => this.#add(ms, run, owner),
      random: this.random,
      pause: () => void this.#paused.add(owner),
      resume: async () => {
        this.#paused.delete(owner);
        await this.advance(0);
      },
    };
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.length;
  }

  /** Moves time, running what falls due in order. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      await settle(1);
      const next = this.#timers
        .filter(({ at, owner }) => at <= end && !this.#paused.has(owner))
        .sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
    this.#now = end;
    await settle();
  }

  #add(ms: number, run: () => void, owner: object): () => void {
    const timer = { at: this.#now + ms, run, owner };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }
}
