import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DriverContext, MemoryStore } from '@stoa/plugin-sdk';
import { memoryStoreSuite } from '@stoa/plugin-sdk/conformance';
import { generatePython, preparePython, startPythonMemory } from '@stoa/test-servers';
import { afterAll, describe, expect, it, test } from 'vitest';
import { remoteConfig, remoteDriver } from '../src/plugins/remote/factory.ts';

// The example of a driver in another language: it must hold whatever holds for Stoa's own memory stores.

let python = '';
let lack: string | undefined;
try {
  python = await preparePython();
} catch (error) {
  if (process.env['CI'] !== undefined) throw error;
  lack = `no Python with grpcio: ${(error as Error).message.split('\n')[0]}`;
}

const folder = lack === undefined ? mkdtempSync(join(tmpdir(), 'stoa-python-')) : '';
const generated = join(folder, 'gen');
const startExample = (port = 0) => startPythonMemory(python, generated, port);

const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const context: DriverContext = { logger: silent, dataDirectory: folder, nodeId: 'python' };
const remote = remoteDriver('memory', folder);

async function open(address: string, config: object = {}): Promise<MemoryStore> {
  return remote.create(remoteConfig.parse({ address, config, timeout: '5s' }), context);
}

afterAll(() => {
  if (folder !== '') rmSync(folder, { recursive: true, force: true });
});

if (lack !== undefined) {
  describe.skip(`a memory store in Python (${lack})`, () => {
    it('is not tested here', () => {});
  });
} else {
  await generatePython(python, generated);
  const example = await startExample();
  const { address } = example;
  afterAll(() => example.stop());
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
