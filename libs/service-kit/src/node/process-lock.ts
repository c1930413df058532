import { closeSync, mkdirSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { StoaError } from '@stoa/plugin-sdk';

/**
 * Takes the data folder for this node and these services, so that a second start of the same says what is the matter
 * instead of getting in the way. Several processes of one node may share a folder when their services differ. A lock whose
 * process is gone is taken over. Returns what releases it.
 */
export function lockDataDirectory(folder: string, services: readonly string[]): () => void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const taken: string[] = [];
  const release = () => {
    for (const path of taken.splice(0)) {
      try {
        unlinkSync(path);
      } catch {
        // Gone already.
      }
    }
  };
  for (const service of services) {
    const path = join(folder, `${service}.lock`);
    try {
      take(path, service, folder);
    } catch (error) {
      release();
      throw error;
    }
    taken.push(path);
  }
  return release;
}

function take(path: string, service: string, folder: string): void {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const file = openSync(path, 'wx', 0o600);
      writeSync(file, `${process.pid}\n`);
      closeSync(file);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = Number.parseInt(readFileSync(path, 'utf8'), 10);
    if (Number.isInteger(holder) && isRunning(holder)) {
      throw new StoaError(
        'failed-precondition',
        `the ${service} service already runs on ${folder} (process ${holder}); stop it, or give this one another node.data-directory`,
      );
    }
    unlinkSync(path);
  }
  throw new StoaError('failed-precondition', `cannot take ${path}: another start is under way`);
}

function isRunning(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
