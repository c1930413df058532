import type { Clock } from '../../src/clock.ts';

/** Lets everything run that waits for nothing but its turn. */
export async function settle(turns = 3): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** Time that stands still until it is moved. */
export class FakeClock implements Clock {
  #now: number;
  #timers: { at: number; run: () => void }[] = [];

  constructor(now = 1_700_000_000_000) {
    this.#now = now;
  }

  readonly now = () => this.#now;

  readonly after = (ms: number, run: () => void): (() => void) => {
    const timer = { at: this.#now + ms, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  };

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.length;
  }

  /** Moves time, running what falls due in order. */
  async advance(ms: number, turns = 1): Promise<void> {
    const end = this.#now + ms;
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
      await settle(turns);
    }
    this.#now = end;
    await settle(turns);
  }

  /** Sets the clock without running anything, as a paused process or an operator does. */
  jump(ms: number): void {
    this.#now += ms;
  }
}

/** The clock as one process has it that can be paused: its timers stand still, time does not. */
export class PausableClock implements Clock {
  readonly #clock: FakeClock;
  #held: (() => void)[] | undefined;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  readonly now = () => this.#clock.now();

  readonly after = (ms: number, run: () => void): (() => void) =>
    this.#clock.after(ms, () => {
      if (this.#held === undefined) run();
      else this.#held.push(run);
    });

  get paused(): boolean {
    return this.#held !== undefined;
  }

  pause(): void {
    this.#held ??= [];
  }

  resume(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const run of held) run();
  }
}
