import { execFileSync } from 'node:child_process';
import { findProgram } from '@stoa/test-servers';
import type { Need } from '../framework/bench.ts';

/** Sets on which processors a process runs; of util-linux, which every Linux has. */
export const taskset: Need = {
  name: 'taskset',
  missing: async () =>
    findProgram('taskset') === undefined ? 'no program taskset: install the package util-linux' : undefined,
};

/** Has processes, with all their threads and what they start from now on, run on these processors alone. */
export function pin(pids: readonly number[], cores: readonly number[]): void {
  for (const pid of pids) {
    try {
      execFileSync(findProgram('taskset') ?? 'taskset', ['-a', '-p', '-c', cores.join(), String(pid)], {
        stdio: 'ignore',
      });
    } catch (error) {
      // It may have ended meanwhile; what else fails shows in nothing but wrong figures.
      if (isRunning(pid)) throw error;
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
