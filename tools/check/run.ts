/**
 * `npm run check`: everything that can be said about the tree without running it. Each step runs whatever the others
 * found, so that one run names all that is wrong; the exit code is 1 when any failed.
 */
import { spawnSync } from 'node:child_process';
import { performance } from 'node:perf_hooks';

interface Step {
  name: string;
  command: string[];
  /** What to do when it fails. */
  hint: string;
}

const STEPS: Step[] = [
  { name: 'types', command: ['tsc', '-p', 'tsconfig.json'], hint: 'fix the types' },
  { name: 'lint', command: ['biome', 'check', '--error-on-warnings', '.'], hint: '`npm run format` mends most of it' },
  {
    name: 'boundaries',
    command: [
      'depcruise',
      '--config',
      '.dependency-cruiser.mjs',
      'libs',
      'services',
      'drivers',
      'apps',
      'tools',
      'e2e',
    ],
    hint: 'the rule is explained in .dependency-cruiser.mjs',
  },
  { name: 'contracts: lint', command: ['buf', 'lint'], hint: 'see buf.build/docs/lint/rules' },
  {
    name: 'contracts: breaking',
    command: ['buf', 'breaking', '--against', 'proto/released.binpb'],
    hint: 'add, never change or remove; a new major version goes into a new folder (v2)',
  },
  { name: 'contracts: generated code', command: ['node', 'tools/check/generated.ts'], hint: '`npm run generate`' },
  {
    name: 'unused',
    command: ['knip', '--no-progress'],
    hint: 'remove what nothing uses, or say in knip.json why it stays',
  },
];

let failed = 0;
for (const step of STEPS) {
  const started = performance.now();
  const [program, ...args] = step.command as [string, ...string[]];
  const result = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const ok = result.status === 0;
  process.stdout.write(`${ok ? 'ok  ' : 'FAIL'}  ${step.name} (${seconds} s)\n`);
  if (ok) continue;
  failed += 1;
  process.stdout.write(
    `${result.error?.message ?? ''}${result.stdout ?? ''}${result.stderr ?? ''}\n      ${step.hint}\n`,
  );
}
process.exitCode = failed === 0 ? 0 : 1;
