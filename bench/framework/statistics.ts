/** What some runs of the same work gave. */
export interface Figure {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly runs: number;
}

/** The value below which a share (0 to 1) of the values lies: the nearest of them, none made up between two. */
export function percentile(values: readonly number[], share: number): number {
  if (values.length === 0) return Number.NaN;
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(sorted.length * share) - 1))] as number;
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = Float64Array.from(values).sort();
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

export function figure(values: readonly number[]): Figure {
  return { median: median(values), low: Math.min(...values), high: Math.max(...values), runs: values.length };
}

export interface AlternateOptions {
  rounds: number;
  signal?: AbortSignal;
}

/**
 * Runs two works in turn, so that what changes on the machine meanwhile meets both; who begins changes from round to
 * round. Resolves with what each gave, in the order of the rounds.
 */
export async function alternate<A, B>(
  runA: (round: number) => Promise<A>,
  runB: (round: number) => Promise<B>,
  { rounds, signal }: AlternateOptions,
): Promise<{ a: A[]; b: B[] }> {
  const a: A[] = [];
  const b: B[] = [];
  for (let round = 0; round < rounds; round++) {
    const doA = async () => void a.push(await runA(round));
    const doB = async () => void b.push(await runB(round));
    for (const work of round % 2 === 0 ? [doA, doB] : [doB, doA]) {
      signal?.throwIfAborted();
      await work();
    }
  }
  return { a, b };
}
