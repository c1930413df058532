/** `npm run bench`: Stoa beside others in the same run, on this machine. */
import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { parseArgs } from 'node:util';
import type { Row } from './framework/row.ts';
import { runBench } from './framework/run.ts';
import { findBenches, isMeant } from './framework/suites.ts';
import { table } from './framework/table.ts';

const USAGE = `npm run bench -- [options]

  --list        the benches, with what each measures
  --only NAME   this bench alone; may be given several times
  --quick       shorter runs, less sure; of all, those with marks beside other mail servers and all-in-one
  --json FILE   the rows as JSON, too
`;

const { values } = parseArgs({
  options: {
    list: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const say = (text: string) => process.stdout.write(`${text}\n`);
const begin = performance.now();

function progress(name: string, line: string): void {
  process.stderr.write(`${((performance.now() - begin) / 1000).toFixed(1).padStart(6)} s  ${name}: ${line}\n`);
}

async function run(): Promise<number> {
  if (values.help) {
    say(USAGE);
    return 0;
  }
  const all = await findBenches();
  const unknown = (values.only ?? []).filter((name) => !all.some((bench) => isMeant(bench, name)));
  if (unknown.length > 0) {
    process.stderr.write(
      `no bench is named ${unknown.join(', ')}; there are ${all.map(({ name }) => name).join(', ')}\n`,
    );
    return 2;
  }
  if (values.list) {
    const width = Math.max(...all.map(({ name }) => name.length));
    for (const { name, describe } of all) say(`${name.padEnd(width)}  ${describe}`);
    return 0;
  }
  const abort = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // Whoever cannot wait for the clean end presses twice; children of ours end with the process.
      if (abort.signal.aborted) process.exit(130);
      process.stderr.write('ending what was started …\n');
      abort.abort(new Error('stopped'));
    });
  }
  const rows: Row[] = [];
  const meant = all.filter((bench) => values.only?.some((name) => isMeant(bench, name)) ?? true);
  const leftOut = values.quick && values.only === undefined ? meant.filter(({ quick }) => quick === false) : [];
  for (const bench of meant) {
    if (abort.signal.aborted) break;
    if (leftOut.includes(bench)) continue;
    progress(bench.name, bench.describe);
    rows.push(
      ...(await runBench(bench, {
        quick: values.quick,
        signal: abort.signal,
        progress: (line) => progress(bench.name, line),
      })),
    );
  }
  say(`${availableParallelism()} cores, ${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.versions.node}`);
  say(`${values.quick ? 'quick run, ' : ''}${Math.round((performance.now() - begin) / 1000)} s\n`);
  say(table(rows));
  if (leftOut.length > 0)
    say(`\nLeft out of a quick run (--only NAME runs one): ${leftOut.map(({ name }) => name).join(', ')}`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ rows }, null, 2)}\n`);
  return abort.signal.aborted ? 130 : 0;
}

process.exitCode = await run();
// Clients of drivers may keep timers; all that was started has ended by now.
process.exit();
