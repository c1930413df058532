import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { extname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { DriverKind } from '../src/index.ts';
import type { HostOptions } from './host.ts';
import type { Subject } from './suite.ts';
import type { WorkloadName } from './workloads.ts';

/** What a process of its own is told to do. */
export interface ChildTask {
  module: string;
  config: unknown;
  dataDirectory: string;
  workload: WorkloadName;
  prefix: string;
  host?: HostOptions | undefined;
}

const CHILD = new URL(`./child-main${extname(import.meta.url)}`, import.meta.url);

interface Child {
  /** The lines it prints: what was acknowledged. */
  lines: AsyncIterable<string>;
  kill(): void;
  /** Resolves when it has ended: its exit code, or null after a signal. */
  ended: Promise<number | null>;
  /** What it said on the error output. */
  complaint(): string;
}

async function start<K extends DriverKind>(
  subject: Subject<K>,
  workload: WorkloadName,
  prefix: string,
): Promise<Child> {
  const { module, execArgv } = subject.crash!;
  const { dataDirectory } = subject.context;
  const task: ChildTask = {
    module: String(module),
    config: await subject.rawConfig(),
    dataDirectory,
    workload,
    prefix,
    host: await subject.hostOptions(),
  };
  const own = extname(import.meta.url) === '.ts' ? ['--conditions=stoa-source'] : [];
  const args = [...own, ...(execArgv ?? []), fileURLToPath(CHILD), JSON.stringify(task)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-4000);
  });
  return {
    lines: createInterface({ input: child.stdout }),
    kill: () => child.kill('SIGKILL'),
    ended: once(child, 'close').then(([code]) => code as number | null),
    complaint: () => complaint,
  };
}

/** Runs the workload until it has acknowledged so much, kills the process, and returns all it had acknowledged. */
export async function runAndKill<K extends DriverKind>(
  subject: Subject<K>,
  workload: WorkloadName,
  prefix: string,
  acknowledgements: number,
): Promise<string[]> {
  const child = await start(subject, workload, prefix);
  const acknowledged: string[] = [];
  for await (const line of child.lines) {
    acknowledged.push(line);
    if (acknowledged.length === acknowledgements) child.kill();
  }
  const code = await child.ended;
  if (code !== null) throw new Error(`the process ended by itself (exit code ${code}): ${child.complaint()}`);
  return acknowledged;
}

/** Runs the workload in several processes at the same time, to its end. */
export async function runTogether<K extends DriverKind>(
  subject: Subject<K>,
  workload: WorkloadName,
  prefix: string,
  processes: number,
): Promise<void> {
  const children = await Promise.all(Array.from({ length: processes }, () => start(subject, workload, prefix)));
  await Promise.all(
    children.map(async (child) => {
      for await (const _ of child.lines);
      const code = await child.ended;
      if (code !== 0) throw new Error(`a process failed (exit code ${code}): ${child.complaint()}`);
    }),
  );
}
