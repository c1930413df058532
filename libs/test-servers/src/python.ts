import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { CACHE } from './locate.ts';

const run = promisify(execFile);
const EXAMPLE = join(import.meta.dirname, '../../../examples/python-memory');
const REQUIREMENTS = join(EXAMPLE, 'requirements.txt');

/**
 * Path of a Python that has what the example of a driver in Python requires. Made once on a machine, which takes a minute;
 * rejects where there is no Python, or no way to get the packages.
 */
export async function preparePython(): Promise<string> {
  const { stdout: version } = await run('python3', ['--version']);
  const hash = createHash('sha256').update(version).update(readFileSync(REQUIREMENTS)).digest('hex').slice(0, 12);
  const made = join(CACHE, `python-plugin-${hash}`);
  const python = (folder: string) => join(folder, 'bin/python');
  if (existsSync(python(made))) return python(made);
  await mkdir(CACHE, { recursive: true });
  const folder = mkdtempSync(`${made}.`);
  try {
    await run('python3', ['-m', 'venv', folder], { timeout: 120_000 });
    const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', REQUIREMENTS];
    await run(python(folder), install, { timeout: 300_000 });
    renameSync(folder, made);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    // Another test run was faster.
    if (!existsSync(python(made))) throw error;
  }
  return python(made);
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export interface PythonMemory {
  /** host:port */
  readonly address: string;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** Makes the code of the contract that the example imports, in a folder. */
export async function generatePython(python: string, folder: string): Promise<void> {
  await run('sh', [join(EXAMPLE, 'generate.sh'), folder, python], { timeout: 60_000 });
}

/** Starts the memory store in Python; resolves when it listens. `generated` is the folder of `generatePython`. */
export async function startPythonMemory(python: string, generated: string, port = 0): Promise<PythonMemory> {
  const child = spawn(python, ['-B', join(EXAMPLE, 'server.py'), '--port', String(port)], {
    env: { ...process.env, PYTHONPATH: generated },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let errors = '';
  child.stderr.on('data', (octets) => {
    errors += octets;
  });
  const ended = once(child, 'exit').then(() => {
    running.delete(child);
    throw new Error(`the memory store in Python ended: ${errors}`);
  });
  const [line] = (await Promise.race([once(createInterface(child.stdout), 'line'), ended])) as [string];
  return {
    address: line.slice(line.lastIndexOf(' ') + 1),
    async stop(signal = 'SIGTERM') {
      child.kill(signal);
      await ended.catch(() => {});
    },
  };
}
