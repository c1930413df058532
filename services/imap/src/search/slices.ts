import { setImmediate } from 'node:timers/promises';

const SLICE_MS = 10;

/** Cuts long work into slices, between which other connections have their turn and a client that is gone ends it. */
export class Slices {
  readonly #signal: AbortSignal;
  #end = performance.now() + SLICE_MS;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  get isOver(): boolean {
    return performance.now() >= this.#end;
  }

  async next(): Promise<void> {
    await setImmediate();
    this.#signal.throwIfAborted();
    this.#end = performance.now() + SLICE_MS;
  }
}
