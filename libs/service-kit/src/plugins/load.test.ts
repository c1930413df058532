import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DRIVER_BRAND } from '@stoa/plugin-sdk';
import { afterAll, describe, expect, it } from 'vitest';
import { recordingLogger } from '../../test/recording-logger.ts';
import { ConfigDocument } from '../config/load.ts';
import type { NodeInfo } from '../service.ts';
import { DriverHost, readDriverSection } from './host.ts';
import { checkFactory, loadDriver } from './load.ts';
import { installedDriverPackages } from './resolve.ts';

const root = mkdtempSync(join(tmpdir(), 'stoa-plugins-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A driver written without the SDK, as a stranger may. */
const source = (fields: string) => `
const schema = { '~standard': { version: 1, vendor: 'hand', validate: (value) =>
  typeof value.path === 'string' ? { value } : { issues: [{ message: 'expected a folder', path: ['path'] }] } } };
export default { [Symbol.for('stoa.driver')]: true, name: 'strange', kind: 'memory', sdk: '^1.0.0', configSchema: schema,
  capabilities: { shared: 'process', deletePrefix: false },
  create: async (config) => ({ get: async (key) => { if (key === 'bug') throw new TypeError('inside'); },
    set: async () => {}, add: async () => true, compareAndSet: async () => true, increment: async () => 1,
    delete: async () => {}, check: async () => {}, close: async () => { globalThis.strangeClosed = config.path; } }), ${fields} };`;

function writePackage(name: string, fields = '', keywords: string[] = ['stoa-driver']): void {
  const folder = join(root, 'node_modules', name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'index.mjs'), source(fields));
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name, version: '1.0.0', exports: './index.mjs', keywords }),
  );
}

const read = (text: string) => new ConfigDocument({ file: join(root, 'stoa.toml'), text });

describe('the loader of drivers', () => {
  writePackage('strange-driver');
  writePackage('@acme/stoa-memory');
  writePackage('old-driver', "sdk: '^0.3.0'");
  writePackage('odd-driver', "kind: 'data'");

  it('finds a package beside the configuration, a scoped one too, and a file by its path', async () => {
    writeFileSync(join(root, 'mine.mjs'), source("name: 'mine'"));
    for (const [named, name] of [
      ['strange-driver', 'strange'],
      ['@acme/stoa-memory', 'strange'],
      ['./mine.mjs', 'mine'],
      ['./node_modules/strange-driver', 'strange'],
    ] as const) {
      expect((await loadDriver('memory', named, root)).name).toBe(name);
    }
  });

  it('finds Stoa’s own by their short names', async () => {
    expect(await loadDriver('memory', 'local', root)).toMatchObject({ name: 'local', kind: 'memory' });
  });

  it.each([
    ['old-driver', /built for version \^0\.3\.0 of the driver interface, this is 1\./],
    ['odd-driver', /is a driver of kind "data", not "memory"/],
    [
      'missing-driver',
      /there is no driver "missing-driver"; looked for the package @stoa\/driver-memory-missing-driver/,
    ],
    ['./nothing.mjs', /memory\.driver "\.\/nothing\.mjs": cannot be loaded/],
  ])('says what is wrong with %s', async (name, message) => {
    await expect(loadDriver('memory', name, root)).rejects.toMatchObject({
      code: 'invalid-configuration',
      message: expect.stringMatching(message),
    });
  });

  it('refuses what is no driver', () => {
    for (const candidate of [
      undefined,
      1,
      {},
      { [DRIVER_BRAND]: true },
      { [DRIVER_BRAND]: true, name: 'x', create() {} },
    ])
      expect(() => checkFactory(candidate, 'x')).toThrow(/^x: /);
  });

  it('lists what is installed', () => {
    const found = installedDriverPackages(root);
    expect(found).toContain('strange-driver');
    expect(found).toContain('@acme/stoa-memory');
    expect(found).toContain('@stoa/driver-memory-local');
  });
});

describe('a section of a driver', () => {
  it('is checked by the driver’s own schema, with file and line', async () => {
    const document = read('[memory]\ndriver = "strange-driver"\npath = 7');
    await expect(readDriverSection(document, 'memory')).rejects.toThrow(
      /stoa\.toml:3: memory\.path: expected a folder/,
    );
  });

  it('opens the driver once, and closes it at the end', async () => {
    const document = read('[memory]\ndriver = "strange-driver"\npath = "here"');
    const host = new DriverHost(document, { dataDirectory: root, id: 'n1' } as NodeInfo, recordingLogger());
    const [one, two] = await Promise.all([host.get('memory'), host.get('memory')]);
    expect(one).toBe(two);
    expect(one).toMatchObject({ name: 'strange-driver', capabilities: { shared: 'process' } });
    // What a driver throws leaves it as a StoaError; arguments are checked before it sees them.
    await expect(one.driver.get('bug')).rejects.toMatchObject({ name: 'StoaError', code: 'internal' });
    await expect(one.driver.get('a key')).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(one.driver.set('k', new Uint8Array(600_000), { ttlMs: 1 })).rejects.toMatchObject({
      code: 'too-large',
    });
    await expect(one.driver.set('k', new Uint8Array(1), { ttlMs: 0 })).rejects.toMatchObject({
      code: 'invalid-argument',
    });
    await host.close();
    expect((globalThis as { strangeClosed?: string }).strangeClosed).toBe('here');
  });

  it('takes the capabilities of the open driver, where it has its own, before its factory’s', async () => {
    const own = "{ shared: 'network', deletePrefix: true }";
    writePackage(
      'probing-driver',
      `create: async () => ({ capabilities: ${own}, check: async () => {}, close: async () => {} })`,
    );
    const document = read('[memory]\ndriver = "probing-driver"\npath = "here"');
    const host = new DriverHost(document, { dataDirectory: root, id: 'n1' } as NodeInfo, recordingLogger());
    expect((await host.get('memory')).capabilities).toEqual({ shared: 'network', deletePrefix: true });
    await host.close();
  });
});
