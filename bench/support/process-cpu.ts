import { readFileSync } from 'node:fs';

/** Linux counts processor time in hundredths of a second for /proc, whatever the kernel's own tick is. */
const TICKS_PER_SECOND = 100;

/** Processor time of a process so far, in milliseconds, its threads included. Linux only. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The name of the program stands in parentheses and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS_PER_SECOND;
}

/** Processor time that processes take from here on, by their names. */
export function watchCpu(pids: ReadonlyMap<string, number>): () => Map<string, number> {
  const before = new Map([...pids].map(([name, pid]) => [name, cpuMs(pid)]));
  return () => new Map([...pids].map(([name, pid]) => [name, cpuMs(pid) - (before.get(name) as number)]));
}
