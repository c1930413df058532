import type { Bench } from './bench.ts';
import { Context, type ContextOptions } from './context.ts';
import { type Row, row } from './row.ts';

/** Runs one bench to its end, and ends what it started. What is missing or fails becomes a row: no bench disappears. */
export async function runBench(bench: Bench, options: ContextOptions): Promise<Row[]> {
  const rows: Row[] = [];
  const nothing = (missing: string) => row({ name: bench.name, unit: '', better: 'higher', missing });
  const named = (each: Row) =>
    each.name.startsWith(bench.name) ? each : { ...each, name: `${bench.name}: ${each.name}` };
  for (const need of bench.needs ?? []) {
    const missing = await need.missing();
    if (missing !== undefined) rows.push(nothing(`${need.name}: ${missing}`));
  }
  if (rows.length > 0) return rows;
  const context = new Context(options);
  const atAbort = () => void context.end();
  options.signal.addEventListener('abort', atAbort);
  try {
    const result = bench.run(context);
    for await (const each of Symbol.asyncIterator in result ? result : await result) rows.push(named(each));
  } catch (error) {
    if (!options.signal.aborted) {
      options.progress(String((error as Error).stack));
      rows.push(nothing(`it failed: ${(error as Error).message.split('\n')[0]}`));
    }
  } finally {
    await context.end();
    options.signal.removeEventListener('abort', atAbort);
  }
  return rows;
}
