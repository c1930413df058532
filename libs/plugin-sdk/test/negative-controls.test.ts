import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { blobStoreSuite, busSuite, dataStoreSuite, memoryStoreSuite, verifyDriver } from '../conformance/index.ts';
import type { DriverKind } from '../src/index.ts';
import { type BlobDefect, blobFactory } from './reference/blob.ts';
import blobEarly from './reference/blob-early.ts';
import blobRight from './reference/blob-right.ts';
import { type BusDefect, busFactory } from './reference/bus.ts';
import { type DataDefect, dataFactory } from './reference/data.ts';
import { type MemoryDefect, memoryFactory } from './reference/memory.ts';

interface Collected {
  name: string;
  body: () => Promise<void>;
}

/** Runs the tests that a suite registers, as a test library would; the names of those that fail. */
async function failing(register: (test: (name: string, body: () => Promise<void>) => void) => void): Promise<string[]> {
  const tests: Collected[] = [];
  register((name, body) => tests.push({ name, body }));
  const failed: string[] = [];
  for (const { name, body } of tests) await body().catch(() => failed.push(name));
  expect(tests.length).toBeGreaterThan(10);
  return failed;
}

const config = (name: string) => () => ({ name });

const dataDirectory = mkdtempSync(join(tmpdir(), 'stoa-controls-'));
afterAll(() => rmSync(dataDirectory, { recursive: true, force: true }));
const context = { dataDirectory };

describe('the suites find what is wrong', () => {
  describe.each<[DataDefect, string[]]>([
    ['none', []],
    [
      'checks before it waits',
      [
        'no update is lost: concurrent increments under a condition add up',
        'one of several commits that create the same key wins',
        'concurrent commits are serialisable: some order of them explains all outcomes',
      ],
    ],
    [
      'applies one by one',
      [
        'get and scan see one snapshot while others write',
        'concurrent commits are serialisable: some order of them explains all outcomes',
      ],
    ],
    ['scans what is there now', ['get and scan see one snapshot while others write']],
  ])('a data store with the defect: %s', (defect, expected) => {
    it('fails where it must', async () => {
      const failed = await failing((test) =>
        dataStoreSuite({ test, factory: dataFactory(defect), config: config(defect) }),
      );
      if (defect === 'none') expect(failed).toEqual([]);
      expect(failed).toEqual(expect.arrayContaining(expected));
    });
  });

  it.concurrent.each<[MemoryDefect, string[]]>([
    ['none', []],
    ['counters are not atomic', ['concurrent increments add up, and no two give the same value']],
    ['keys never end', ['keys end at their time, which set prolongs and increment does not']],
  ])('a memory store with the defect: %s', async (defect, expected) => {
    const failed = await failing((test) =>
      memoryStoreSuite({ test, factory: memoryFactory(defect), config: config(defect) }),
    );
    expect(failed).toEqual(expected);
  });

  const inOrder = 'the messages of each publisher arrive in order, each once, and none is lost in silence';
  it.each<[BusDefect, string]>([
    ['drops in silence', inOrder],
    ['delivers twice', inOrder],
    ['delivers out of order', inOrder],
    ['delivers inside publish', 'no listener is called while publish is being called'],
  ])('a bus with the defect: %s', async (defect, expected) => {
    const tests = new Map<string, () => Promise<void>>();
    const test = (name: string, body: () => Promise<void>) => tests.set(name, body);
    busSuite({ test, factory: busFactory(defect), config: config(defect), patienceMs: 300 });
    await expect(tests.get(expected)!()).rejects.toThrow();
  });

  it('a bus without a defect', async () => {
    expect(await failing((test) => busSuite({ test, factory: busFactory('none'), config: config('none') }))).toEqual(
      [],
    );
  });

  it.each<[BlobDefect, string[]]>([
    ['is seen in parts', ['nothing is to be seen before the whole content is there']],
    ['replaces', ['the content of a key never changes', 'behaves as a map that never replaces']],
  ])('a blob store with the defect: %s', async (defect, expected) => {
    const name = defect.replaceAll(' ', '-');
    const failed = await failing((test) =>
      blobStoreSuite({ test, factory: blobFactory(defect), config: config(name), context }),
    );
    expect(failed).toEqual(expect.arrayContaining(expected));
  });

  it.each([
    [
      'acknowledges before it writes',
      blobEarly,
      './reference/blob-early.ts',
      ['what was acknowledged survives SIGKILL, and no blob is torn'],
    ],
    ['none', blobRight, './reference/blob-right.ts', []],
  ] as const)('a blob store that is killed, with the defect: %s', async (_, factory, module, expected) => {
    const crash = { module: new URL(module, import.meta.url) };
    const failed = await failing((test) => blobStoreSuite({ test, factory, config: config('killed'), context, crash }));
    expect(failed).toEqual(expected);
  });
});

describe('verifyDriver', () => {
  it('reports each test and the whole', async () => {
    const told: string[] = [];
    const reporter = {
      started: (name: string) => told.push(`started ${name}`),
      finished: ({ name, passed }: { name: string; passed: boolean }) =>
        told.push(`${passed ? 'passed' : 'failed'} ${name}`),
    };
    const right = await verifyDriver(dataFactory('none'), { name: 'verify' }, reporter);
    expect(right.passed).toBe(true);
    expect(told).toEqual(right.results.flatMap(({ name }) => [`started ${name}`, `passed ${name}`]));
    const wrong = await verifyDriver(dataFactory('checks before it waits'), { name: 'verify wrong' });
    expect(wrong.passed).toBe(false);
    const failed = wrong.results.filter((result) => !result.passed);
    expect(failed.length).toBeGreaterThan(0);
    for (const { error } of failed) expect(error).toBeInstanceOf(Error);
  });

  it('fails a driver that hangs, and one whose configuration is refused', async () => {
    const hanging = { ...dataFactory('none'), create: () => new Promise<never>(() => {}) };
    const hung = await verifyDriver(hanging, { name: 'hung' }, {}, { timeoutMs: 20 });
    expect(hung.results.some(({ passed }) => !passed)).toBe(true);
    const refused = await verifyDriver(dataFactory('none'), 'no object');
    expect(refused.passed).toBe(false);
  });

  it('says so when there is no suite for the kind', async () => {
    const odd = { ...dataFactory('none'), kind: 'queue' as DriverKind };
    await expect(verifyDriver(odd, {})).rejects.toThrow('no suite');
  });
});
