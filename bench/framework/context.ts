import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BenchContext } from './bench.ts';

/** An ending that takes longer is given up, so that the others come to theirs. */
const MAX_END_MS = 30_000;

export interface ContextOptions {
  quick: boolean;
  signal: AbortSignal;
  progress(line: string): void;
}

/** The context of one bench, and how all it started is ended. */
export class Context implements BenchContext {
  readonly quick: boolean;
  readonly rounds: number;
  readonly runMs: number;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
  readonly #ends: (() => unknown)[] = [];
  #ending: Promise<void> | undefined;

  constructor({ quick, signal, progress }: ContextOptions) {
    this.quick = quick;
    this.rounds = quick ? 2 : 3;
    this.runMs = quick ? 1500 : 3000;
    this.signal = signal;
    this.progress = progress;
  }

  onEnd(end: () => unknown): void {
    // Made while all is being ended: it ends at once.
    if (this.#ending === undefined) this.#ends.push(end);
    else void this.#end(end);
  }

  async use<T extends { stop(): unknown } | { close(): unknown }>(resource: T | Promise<T>): Promise<T> {
    const made = await resource;
    this.onEnd(() => ('stop' in made ? made.stop() : made.close()));
    this.signal.throwIfAborted();
    return made;
  }

  folder(name: string): string {
    const path = mkdtempSync(join(tmpdir(), `stoa-bench-${name}-`));
    this.onEnd(() => rmSync(path, { recursive: true, force: true }));
    return path;
  }

  /** Ends all that was registered; what fails to end is told and does not stop the others. */
  end(): Promise<void> {
    this.#ending ??= this.#endAll();
    return this.#ending;
  }

  async #endAll(): Promise<void> {
    for (let end = this.#ends.pop(); end !== undefined; end = this.#ends.pop()) await this.#end(end);
  }

  async #end(end: () => unknown): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`not ended after ${MAX_END_MS} ms`)), MAX_END_MS);
    });
    try {
      await Promise.race([end(), late]);
    } catch (error) {
      this.progress(`ending: ${(error as Error).message}`);
    } finally {
      clearTimeout(timer);
    }
  }
}
