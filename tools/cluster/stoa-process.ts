import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

const main = resolve(import.meta.dirname, '../../apps/stoa/src/main.ts');

const MAX_LOG_LINES = 20_000;

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface StoaProcessOptions {
  config: string;
  services: readonly string[];
  environment?: Record<string, string>;
  /** Processes that it is to start; one by default, which is itself. */
  workers?: number;
}

/** One `stoa start`: a process that is started, killed and started again with the same configuration. */
export class StoaProcess {
  readonly services: readonly string[];
  readonly #options: StoaProcessOptions;
  #child: ChildProcess | undefined;
  #addresses: Record<string, string> = {};
  #log: string[] = [];

  constructor(options: StoaProcessOptions) {
    this.#options = options;
    this.services = options.services;
  }

  get running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Listener to "host:port", as the process printed it. */
  get addresses(): Readonly<Record<string, string>> {
    return this.#addresses;
  }

  /** Lines that it wrote since it was first started. */
  get log(): readonly string[] {
    return this.#log;
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error(`${this.services.join()} does not run`);
    return this.#child.pid;
  }

  /** Processes that it has started, where it has workers; in the order of their start. */
  get workerPids(): number[] | undefined {
    if (this.#options.workers === undefined) return undefined;
    const { pid } = this;
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  }

  /** Ends one worker at once. Resolves when it is gone. */
  async killWorker(index: number): Promise<void> {
    const pid = this.workerPids?.[index];
    if (pid === undefined) throw new Error(`there is no worker ${index}`);
    process.kill(pid, 'SIGKILL');
    while (this.workerPids?.includes(pid)) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  /** Resolves when the process says that it is ready. */
  async start(): Promise<void> {
    const { config, services, environment } = this.#options;
    const workers = this.#options.workers === undefined ? [] : ['--workers', String(this.#options.workers)];
    const run = [main, 'start', '--config', config, '--services', services.join(), ...workers];
    const args = ['--conditions=stoa-source', ...run];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
      // A group of its own: Ctrl-C is for whoever started it, who ends it in its turn.
      detached: true,
    });
    this.#child = child;
    running.add(child);
    child.once('exit', () => running.delete(child));
    child.stderr.on('data', (octets: Buffer) => this.#note(octets.toString()));
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) =>
        reject(new Error(`stoa (${services.join()}) ended with ${code} before it was ready:\n${this.#tail()}`)),
      );
      createInterface({ input: child.stdout }).on('line', (line) => {
        this.#note(line);
        if (!line.includes('"msg":"ready"')) return;
        this.#addresses = (JSON.parse(line) as { addresses: Record<string, string> }).addresses;
        resolve();
      });
    });
  }

  #note(line: string): void {
    this.#log.push(line);
    if (this.#log.length > MAX_LOG_LINES) this.#log = this.#log.slice(MAX_LOG_LINES / 2);
  }

  #tail(): string {
    return this.#log.slice(-20).join('\n');
  }

  /** Resolves when the health page says that it can do its work, with all its workers; rejects after the time (ms). */
  async ready(ms = 30_000): Promise<void> {
    const deadline = Date.now() + ms;
    for (;;) {
      let state = 'it does not run';
      try {
        const response = await fetch(`http://${this.#addresses['http']}/health/ready`);
        state = await response.text();
        if (response.ok && (this.#options.workers === undefined || state.includes('"status":"ready"'))) return;
      } catch (error) {
        state = (error as Error).message;
      }
      if (Date.now() > deadline) throw new Error(`${this.services.join()} is not ready: ${state}\n${this.#tail()}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** SIGSTOP, SIGCONT, SIGHUP: without waiting for anything. */
  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }

  /** Ends the process with a signal; resolves with its exit code when it is gone. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || !this.running) return child?.exitCode ?? null;
    const gone = once(child, 'exit');
    // What kills at once kills the workers too; else it tells them.
    if (signal === 'SIGKILL' && this.#options.workers !== undefined) process.kill(-this.pid, signal);
    else child.kill(signal);
    const [code] = (await gone) as [number | null];
    return code;
  }
}
