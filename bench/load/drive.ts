import { Histogram } from './histogram.ts';

export interface Load {
  /** Units of work a second. */
  readonly rate: number;
  readonly count: number;
  readonly seconds: number;
  /** Microseconds of each unit. */
  readonly times: Histogram;
}

/**
 * Every client works again as soon as it is answered, for this long or until so much is done; the work under way at the end is
 * awaited and counted.
 */
export async function drive<C>(
  clients: readonly C[],
  ms: number,
  work: (client: C, i: number, n: number) => Promise<unknown>,
  most = Number.POSITIVE_INFINITY,
): Promise<Load> {
  const times = new Histogram();
  let begun = 0;
  const begin = performance.now();
  await Promise.all(
    clients.map(async (client, i) => {
      let start = performance.now();
      for (let n = 0; start < begin + ms && begun < most; n++) {
        begun += 1;
        await work(client, i, n);
        const end = performance.now();
        times.record((end - start) * 1000);
        start = end;
      }
    }),
  );
  const seconds = (performance.now() - begin) / 1000;
  return { rate: times.count / seconds, count: times.count, seconds, times };
}

/** Does work for each of so many, so many at a time. */
export async function inParallel<T>(count: number, atOnce: number, work: (i: number) => Promise<T>): Promise<T[]> {
  const results = new Array<T>(count);
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const i = next++;
      results[i] = await work(i);
    }
  };
  await Promise.all(Array.from({ length: Math.min(count, atOnce) }, worker));
  return results;
}
