import { closeSync, mkdirSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { StoaError } from '@stoa/plugin-sdk';

/**
 * Takes the data folder for this node and these services, so that a second start of the same says what is the matter
 * instead of getting in the way. Several processes of one node may share a folder when their services differ. A lock whose
 * process is gone is taken over. Returns what releases it. `worker`: the number of one of several that share the folder,
 * each with a lock of its own beside that of who started them.
 */
export function lockDataDirectory(folder: string, services: readonly string[], worker?: number): () => void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const taken: string[] = [];
  const release = () => {
    for (const path of taken.splice(0)) remove(path);
  };
  for (const service of services) {
    const path = join(folder, worker === undefined ? `${service}.lock` : `${service}-${worker}.lock`);
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

/** Locks of this process, which is no other that holds them. */
const ours = new Set<string>();

function take(path: string, service: string, folder: string): void {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const file = openSync(path, 'wx', 0o600);
      writeSync(file, `${process.pid} ${startOf(process.pid) ?? ''}\n`);
      closeSync(file);
      ours.add(path);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const [holder = '', started = ''] = readHolder(path);
    if (ours.has(path) || isRunning(Number.parseInt(holder, 10), started)) {
      throw new StoaError(
        'failed-precondition',
        `the ${service} service already runs on ${folder} (process ${holder}); stop it, or give this one another node.data-directory`,
      );
    }
    remove(path);
  }
  throw new StoaError('failed-precondition', `cannot take ${path}: another start is under way`);
}

function readHolder(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').trim().split(' ');
  } catch {
    return [];
  }
}

function remove(path: string): void {
  ours.delete(path);
  try {
    unlinkSync(path);
  } catch {
    // Gone already.
  }
}

/** A process id is used again, in a container soon: only one that started when the lock says so holds it. */
function isRunning(pid: number, started: string): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const stat = statOf(pid);
  // It has ended, and whoever started it has not looked yet.
  if (stat?.[0] === 'Z') return false;
  const start = startOf(pid);
  return start === undefined || started === '' || start === started;
}

/** What the system tells of a process, from its state on, which is field 3 (proc(5), stat). */
function statOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

/** When a process started, where the system tells: boot and clock ticks since then (field 22). */
function startOf(pid: number): string | undefined {
  const ticks = statOf(pid)?.[19];
  if (ticks === undefined) return undefined;
  try {
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${ticks}`;
  } catch {
    return undefined;
  }
}
