import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { BusPlace } from './real-bus.ts';

const SCRIPT = fileURLToPath(new URL('node-process.ts', import.meta.url));

/** Starts a node in a process of its own. */
export function childNode(place: BusPlace, id: string, host: string) {
  const child = spawn(process.execPath, ['--conditions=stoa-source', SCRIPT, JSON.stringify({ place, id, host })], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines: { started?: string; failed?: string; gap?: string; domain?: string; expelled?: string }[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line)));
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return {
    lines,
    publish: (domain: string) => void child.stdin.write(`${domain}\n`),
    signal: (name: NodeJS.Signals) => void child.kill(name),
    /** Ends the process at once. */
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
