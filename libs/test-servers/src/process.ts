import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findProgram } from './locate.ts';
import { USED_FILE } from './used.ts';

const running = new Set<ChildProcess>();
const folders = new Set<string>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder that goes with this process, or earlier with the server. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `stoa-${name}-`));
  folders.add(folder);
  return folder;
}

export function removeFolder(folder: string): void {
  folders.delete(folder);
  rmSync(folder, { recursive: true, force: true });
}

/**
 * Below those that the system gives to outgoing connections: such a port stays free while a server that is killed is started
 * again. Low enough that the port 10,000 higher, which a node of a Redis Cluster takes too, is not among those either.
 */
const FIRST_PORT = 10_000;
const PORTS = 12_500;

/** Ports that were free a moment ago, all different. */
export async function freePorts(count: number, host = '127.0.0.1'): Promise<number[]> {
  const held: Server[] = [];
  while (held.length < count) {
    const server = createServer();
    const taken = await new Promise<boolean>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) =>
        error.code === 'EADDRINUSE' ? resolve(false) : reject(error),
      );
      server.listen(FIRST_PORT + randomInt(PORTS), host, () => resolve(true));
    });
    if (taken) held.push(server);
  }
  const ports = held.map((server) => (server.address() as { port: number }).port);
  await Promise.all(held.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

export async function freePort(host?: string): Promise<number> {
  const [port] = await freePorts(1, host);
  return port as number;
}

/** Whether something accepts connections there. */
export function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    socket.setTimeout(1000, () => socket.destroy());
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('close', () => resolve(false));
    socket.once('error', () => resolve(false));
  });
}

/** Polls until the condition holds; throws with the words of `what` after the time (ms). */
export async function until(what: string, condition: () => Promise<boolean> | boolean, ms = 30_000): Promise<void> {
  const deadline = Date.now() + ms;
  for (;;) {
    if (await condition()) return;
    if (Date.now() > deadline) throw new Error(`${what}: not within ${ms} ms`);
    await delay(20);
  }
}

/** Tells the test run, if this is one, which servers it used. */
export function noteUse(line: string): void {
  const file = process.env[USED_FILE];
  if (file !== undefined) appendFileSync(file, `${line}\n`);
}

export interface ServerCommand {
  name: string;
  program: string;
  args: readonly string[];
  env?: Record<string, string>;
  cwd?: string;
  /** Run as this user where this process is root: some servers refuse root. */
  user?: string;
  /** Resolves to true when the server takes requests. */
  ready(): Promise<boolean>;
}

/** A server as a process of this machine: started, killed, started again with the same data and port, stopped. */
export class ServerProcess {
  readonly #command: ServerCommand;
  #child: ChildProcess | undefined;
  #log: string[] = [];

  constructor(command: ServerCommand) {
    this.#command = command;
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error(`${this.#command.name} does not run`);
    return this.#child.pid;
  }

  /** The last lines that the server wrote. */
  get log(): string {
    return this.#log.join('').split('\n').slice(-40).join('\n');
  }

  async start(): Promise<void> {
    const { name, program, args, env, cwd, user, ready } = this.#command;
    const [file, ...rest] = [...this.#wrapper(user), program, ...args] as [string, ...string[]];
    const child = spawn(file, rest, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
      cwd,
      // A group of its own: Ctrl-C is for whoever started it, who ends it in its turn.
      detached: true,
    });
    this.#child = child;
    running.add(child);
    let failure: Error | undefined;
    child.once('error', (error) => {
      failure = error;
    });
    child.once('exit', (code, signal) => {
      running.delete(child);
      failure ??= new Error(`${name} ended (${signal ?? code}):\n${this.log}`);
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (octets: Buffer) => {
        this.#log.push(octets.toString());
        if (this.#log.length > 200) this.#log = this.#log.slice(-100);
      });
    }
    try {
      await until(`${name} starts`, async () => {
        if (failure !== undefined) throw failure;
        return ready();
      });
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  /** Where `setpriv` is there the server dies with this process, however that ends. */
  #wrapper(user: string | undefined): string[] {
    const setpriv = findProgram('setpriv');
    const asUser = user !== undefined && process.getuid?.() === 0;
    if (setpriv === undefined) return asUser ? ['runuser', '-u', user, '--'] : [];
    const who = asUser ? [`--reuid=${user}`, `--regid=${user}`, '--init-groups'] : [];
    return [setpriv, ...who, '--pdeathsig', 'KILL'];
  }

  /** Ends the process with a signal and resolves when it is gone; SIGKILL after ten seconds. */
  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
    await gone;
    clearTimeout(late);
  }

  /** Sends a signal without waiting for anything: SIGSTOP, SIGCONT. */
  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal);
  }
}
