import { readdirSync, readFileSync } from 'node:fs';
import { cpuMs } from '../support/process-cpu.ts';

/** Parent of every process of this machine, by process id. Linux only. */
function parents(): Map<number, number> {
  const found = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      // The name of the program stands in parentheses and may hold anything.
      found.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // It ended meanwhile.
    }
  }
  return found;
}

/** A process and all that descend from it. */
export function processTree(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const [pid, parent] of parents()) {
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [pid]);
    else siblings.push(pid);
  }
  const tree = [root];
  for (let i = 0; i < tree.length; i++) tree.push(...(children.get(tree[i] as number) ?? []));
  return tree;
}

/** Memory of processes in octets: PSS, in which a page that several of them share counts once in all. */
export function memoryOf(pids: readonly number[]): number {
  let kib = 0;
  for (const pid of pids) {
    try {
      kib += Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1] ?? 0);
    } catch {
      // It ended meanwhile.
    }
  }
  return kib * 1024;
}

/** Octets that processes caused to be written to the disk so far. */
export function writtenBy(pids: readonly number[]): number {
  let octets = 0;
  for (const pid of pids) {
    try {
      octets += Number(/^write_bytes: (\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'latin1'))?.[1] ?? 0);
    } catch {
      // It ended meanwhile.
    }
  }
  return octets;
}

/**
 * Time that the threads of processes have run so far, in microseconds: finer than `cpuOf`, for short works, but without what threads
 * used that have ended.
 */
export function runTimeOf(pids: readonly number[]): number {
  let micros = 0;
  for (const pid of pids) {
    try {
      for (const thread of readdirSync(`/proc/${pid}/task`))
        micros += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0]) / 1000;
    } catch {
      // It ended meanwhile.
    }
  }
  return micros;
}

/** Processor time of processes so far, in milliseconds; those that ended meanwhile count for nothing. */
export function cpuOf(pids: readonly number[]): number {
  let ms = 0;
  for (const pid of pids) {
    try {
      ms += cpuMs(pid);
    } catch {
      // It ended meanwhile.
    }
  }
  return ms;
}
