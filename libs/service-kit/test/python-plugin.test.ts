import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { DriverContext, MemoryStore } from '@stoa/plugin-sdk';
import { memoryStoreSuite } from '@stoa/plugin-sdk/conformance';
import { afterAll, describe, expect, it, test } from 'vitest';
import { remoteConfig, remoteDriver } from '../src/plugins/remote/factory.ts';

// The example of a driver in another language: it must hold whatever holds for Stoa's own memory stores.

const run = promisify(execFile);
const EXAMPLE = join(import.meta.dirname, '../../../examples/python-memory');
const REQUIREMENTS = join(EXAMPLE, 'requirements.txt');

/** Path of a Python that has what the example requires. Made once on a machine, which takes a minute. */
async function preparePython(): Promise<string> {
  const { stdout: version } = await run('python3', ['--version']);
  const hash = createHash('sha256').update(version).update(readFileSync(REQUIREMENTS)).digest('hex').slice(0, 12);
  const cache = join(homedir(), '.cache/stoa-tools');
  const made = join(cache, `python-plugin-${hash}`);
  const python = (folder: string) => join(folder, 'bin/python');
  if (existsSync(python(made))) return python(made);
  await mkdir(cache, { recursive: true });
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

let python = '';
let lack: string | undefined;
try {
  python = await preparePython();
} catch (error) {
  if (process.env['CI'] !== undefined) throw error;
  lack = `no Python with grpcio: ${(error as Error).message.split('\n')[0]}`;
}

const folder = lack === undefined ? mkdtempSync(join(tmpdir(), 'stoa-python-')) : '';
const running = new Set<ChildProcess>();
const killAll = () => {
  for (const child of running) child.kill('SIGKILL');
};
process.once('exit', killAll);

/** Starts the example, and resolves to its address when it listens. */
async function startExample(port = 0): Promise<{ address: string; stop(signal?: NodeJS.Signals): Promise<void> }> {
  const child = spawn(python, ['-B', join(EXAMPLE, 'server.py'), '--port', String(port)], {
    env: { ...process.env, PYTHONPATH: join(folder, 'gen') },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  let errors = '';
  child.stderr.on('data', (octets) => {
    errors += octets;
  });
  const ended = once(child, 'exit').then(() => {
    running.delete(child);
    throw new Error(`the example ended: ${errors}`);
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

const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const context: DriverContext = { logger: silent, dataDirectory: folder, nodeId: 'python' };
const remote = remoteDriver('memory', folder);

async function open(address: string, config: object = {}): Promise<MemoryStore> {
  return remote.create(remoteConfig.parse({ address, config, timeout: '5s' }), context);
}

afterAll(() => {
  killAll();
  if (folder !== '') rmSync(folder, { recursive: true, force: true });
});

if (lack !== undefined) {
  describe.skip(`a memory store in Python (${lack})`, () => {
    it('is not tested here', () => {});
  });
} else {
  await run('sh', [join(EXAMPLE, 'generate.sh'), join(folder, 'gen'), python], { timeout: 60_000 });
  const { address } = await startExample();
  // The first connection tells what the driver can do, which the suite asks for.
  await (await open(address)).close();
  describe('a memory store in Python', () => {
    memoryStoreSuite({ test, describe, factory: remote, config: () => ({ address }) });
    lifeTests();
  });
}

function lifeTests(): void {
  const octets = (text: string) => new Uint8Array(Buffer.from(text));
  const LONG = { ttlMs: 60_000 };

  it('is configured anew after it was killed and started again, with nothing in it', async () => {
    const first = await startExample();
    const store = await open(first.address);
    await store.set('key', octets('1'), LONG);
    await first.stop('SIGKILL');
    await expect(store.get('key')).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    const second = await startExample(Number(first.address.split(':')[1]));
    const reachable = () =>
      store.check().then(
        () => true,
        () => false,
      );
    await expect.poll(reachable, { timeout: 10_000 }).toBe(true);
    expect(await store.get('key')).toBeUndefined();
    await store.set('key', octets('2'), LONG);
    await store.close();
    await second.stop();
  });

  it('says what is wrong with its configuration, takes a better one, and then no other', async () => {
    const { address, stop } = await startExample();
    const invalid = (message: string) => ({
      code: 'invalid-configuration',
      message: expect.stringContaining(message) as unknown,
    });
    await expect(open(address, { colour: 'red' })).rejects.toMatchObject(invalid('colour: no such key'));
    await expect(open(address, { 'max-size': 'much' })).rejects.toMatchObject(invalid('max-size: expected a whole'));
    const [one, two] = [await open(address, { 'max-size': 2048 }), await open(address, { 'max-size': 2048 })];
    await expect(open(address, { 'max-size': 4096 })).rejects.toMatchObject({ code: 'failed-precondition' });
    await one.set('key', octets('1'), LONG);
    expect(await two.get('key')).toEqual(octets('1'));
    await Promise.all([one.close(), two.close()]);
    await stop();
  });

  it('drops what ends first when it is full, and keeps its own codes of errors', async () => {
    const { address, stop } = await startExample();
    const store = await open(address, { 'max-size': 2048 });
    for (const [key, ttlMs] of Object.entries({ late: 60_000, early: 30_000, middle: 50_000 }))
      await store.set(key, new Uint8Array(900), { ttlMs });
    expect(await store.get('early')).toBeUndefined();
    expect((await store.get('late'))?.length).toBe(900);
    await expect(store.set('key', new Uint8Array(512 * 1024 + 1), LONG)).rejects.toMatchObject({ code: 'too-large' });
    await store.set('text', octets('no number'), LONG);
    await expect(store.increment('text', 1, LONG)).rejects.toMatchObject({ code: 'failed-precondition' });
    await store.close();
    await stop();
  });
}
