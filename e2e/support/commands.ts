import { type ExecFileException, execFile } from 'node:child_process';
import { join, resolve } from 'node:path';
import type { Stoa } from './stoa.ts';

const main = resolve(import.meta.dirname, '../../apps/stoa/src/main.ts');

/** A command that does not end by itself is ended. */
const LONGEST_MS = 60_000;

export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs the executable to its end, whatever its exit code; -1 for one that had to be ended. */
export function stoaCommand(
  args: readonly string[],
  options: { input?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Ended> {
  return new Promise((done) => {
    const child = execFile(
      process.execPath,
      ['--conditions=stoa-source', main, ...args],
      { env: { ...process.env, ...options.env }, timeout: LONGEST_MS, killSignal: 'SIGKILL' },
      (error, stdout, stderr) => done({ code: codeOf(error), stdout, stderr }),
    );
    child.stdin?.end(options.input ?? '');
  });
}

const codeOf = (error: ExecFileException | null) =>
  error === null ? 0 : typeof error.code === 'number' ? error.code : -1;

/** Runs a command of an operator against a Stoa that runs. */
export function operate(stoa: Stoa, args: readonly string[], input?: string): Promise<Ended> {
  const server = `127.0.0.1:${stoa.clusterPort('store-router')}`;
  return stoaCommand(
    [...args, '--config', join(stoa.folder, 'stoa.toml'), '--server', server],
    input === undefined ? {} : { input },
  );
}
