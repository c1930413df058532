import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ensure, type ServerName } from './catalog.ts';
import { USED_FILE } from './used.ts';

const log = (line: string) => void process.stderr.write(`${line}\n`);

/**
 * Gets the servers that tests need, before the first test. What is missing is named; under CI (the variable `CI`) it is an
 * error. Returns what is missing, and what prints at the end of the run which servers were used.
 */
export async function beginTestRun(names: readonly ServerName[]): Promise<{ lacking: string[]; end(): void }> {
  if (process.env[USED_FILE] === undefined) {
    const file = join(mkdtempSync(join(tmpdir(), 'stoa-run-')), 'servers');
    writeFileSync(file, '');
    process.env[USED_FILE] = file;
  }
  const lacking = await ensure(names, { log });
  if (lacking.length > 0) {
    if (process.env['CI'] !== undefined) throw new Error(`CI must have every server:\n  ${lacking.join('\n  ')}`);
    log(`tests with these servers are skipped:\n  ${lacking.join('\n  ')}`);
  }
  return { lacking, end: printUsed };
}

/** Once in a run, whichever of its parts ends first: then all tests are over. */
function printUsed(): void {
  const file = process.env[USED_FILE];
  if (file === undefined) return;
  delete process.env[USED_FILE];
  const count = new Map<string, number>();
  for (const line of readFileSync(file, 'utf8').split('\n').filter(Boolean))
    count.set(line, (count.get(line) ?? 0) + 1);
  rmSync(dirname(file), { recursive: true, force: true });
  const used = [...count].sort().map(([line, times]) => `${line} (started ${times} times)`);
  log(`real servers that the tests used: ${used.length === 0 ? 'none' : used.join('; ')}`);
}
