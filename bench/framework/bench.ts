import type { Row } from './row.ts';

/** A server or program that a bench cannot do without. */
export interface Need {
  readonly name: string;
  /** Undefined when it is there (installed now, perhaps); else what is missing and how to get it. */
  missing(): Promise<string | undefined>;
}

/** A module of bench/suites exports one of these as its default, or a list of them. */
export interface Bench {
  readonly name: string;
  /** One line for --list. */
  readonly describe: string;
  readonly needs?: readonly Need[];
  /** False: a quick run of all leaves it out and says so; `--only` brings it back. */
  readonly quick?: boolean;
  run(context: BenchContext): AsyncIterable<Row> | Promise<readonly Row[]>;
}

export interface BenchContext {
  /** Short runs: what is printed is less sure. */
  readonly quick: boolean;
  /** Rounds of `alternate`. */
  readonly rounds: number;
  /** Length of one measured run in milliseconds. */
  readonly runMs: number;
  /** Aborted at Ctrl-C. */
  readonly signal: AbortSignal;
  /** A line on stderr. */
  progress(line: string): void;
  /** Is called when the bench ends, however it does: last registered, first called. Resources are registered when they are made. */
  onEnd(end: () => unknown): void;
  /** Registers what has `stop` or `close`, and returns it. */
  use<T extends { stop(): unknown } | { close(): unknown }>(resource: T | Promise<T>): Promise<T>;
  /** A temporary folder, removed at the end. */
  folder(name: string): string;
}
