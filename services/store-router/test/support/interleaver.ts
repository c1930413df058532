import type { CallOptions, DataCommit, DataEntry, DataStore, Key, KeyRange, ScanOptions } from '@stoa/plugin-sdk';
import { StoaError } from '@stoa/plugin-sdk';
import { WrappedStore } from './wrapped-store.ts';

/** A small random generator, so that a run can be repeated from its seed. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Lets one of the waiting steps go on at a time, chosen by chance: every interleaving can come about, and be repeated. */
export class Interleaver {
  readonly random: () => number;
  readonly #waiting: (() => void)[] = [];

  constructor(seed: number) {
    this.random = randomFrom(seed);
  }

  step(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Runs until the work is done. */
  async run<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const finished = work.finally(() => {
      done = true;
    });
    finished.catch(() => {});
    for (let idle = 0; !done; ) {
      await new Promise((resolve) => setImmediate(resolve));
      const next = this.#waiting.splice(Math.floor(this.random() * this.#waiting.length), 1)[0];
      if (next !== undefined) {
        idle = 0;
        next();
      } else if (++idle > 200_000) throw new Error('nothing goes on');
    }
    return finished;
  }
}

export interface Faults {
  /** Chance that a commit fails without being applied. */
  before: number;
  /** Chance that a commit is applied and fails all the same. */
  after: number;
  /** Chance that a commit fails, and is applied some time later if its conditions still hold. */
  late: number;
}

/** A store whose calls are steps of an interleaver, and whose commits fail by chance. */
export class ChaoticStore extends WrappedStore {
  readonly #interleaver: Interleaver;
  faults: Faults;
  /** Reads and commits under way now. */
  active = 0;

  constructor(inner: DataStore, interleaver: Interleaver, faults: Faults = { before: 0, after: 0, late: 0 }) {
    super(inner);
    this.#interleaver = interleaver;
    this.faults = faults;
  }

  override async get(keys: readonly Key[], options?: CallOptions): Promise<(Uint8Array | undefined)[]> {
    this.active++;
    await this.#interleaver.step();
    const rows = await super.get(keys, options);
    await this.#interleaver.step();
    this.active--;
    return rows;
  }

  override async *scan(range: KeyRange, options?: ScanOptions): AsyncGenerator<DataEntry[]> {
    await this.#interleaver.step();
    for await (const batch of super.scan(range, options)) {
      yield batch;
      await this.#interleaver.step();
    }
  }

  override async commit(commit: DataCommit, options?: CallOptions): Promise<void> {
    this.active++;
    try {
      await this.#commit(commit, options);
    } finally {
      this.active--;
    }
  }

  async #commit(commit: DataCommit, options?: CallOptions): Promise<void> {
    await this.#interleaver.step();
    const chance = this.#interleaver.random();
    const { before, after, late } = this.faults;
    const failure = new StoaError('unavailable', 'the store went away');
    if (chance < before) throw failure;
    if (chance < before + late) {
      void this.#interleaver.step().then(() => super.commit(commit, options).catch(() => {}));
      throw failure;
    }
    await super.commit(commit, options);
    await this.#interleaver.step();
    if (chance < before + late + after) throw failure;
  }
}
