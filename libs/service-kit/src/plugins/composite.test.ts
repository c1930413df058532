import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { recordingLogger } from '../../test/recording-logger.ts';
import { ConfigDocument } from '../config/load.ts';
import type { NodeInfo } from '../service.ts';
import { DriverHost, readDriverSection } from './host.ts';

const root = mkdtempSync(join(tmpdir(), 'stoa-composites-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** What the drivers of these tests did, in order. */
const told: string[] = [];
Object.assign(globalThis, { compositeTest: told });
beforeEach(() => void told.splice(0));

const store = (name: string) =>
  `({ name: ${name}, get: async (key) => [key], check: async () => {}, close: async () => { globalThis.compositeTest.push('close ' + ${name}); } })`;
const schema = (accepted: string) => `{ '~standard': { version: 1, vendor: 'hand', validate: (value) => {
    const wrong = Object.keys(value).find((key) => !${accepted}.includes(key));
    return wrong === undefined ? { value } : { issues: [{ message: 'not known', path: [wrong] }] }; } } }`;

/** A driver written without the SDK; `body` is its `inner` and `create`. */
function writeDriver(name: string, kind: string, accepted: string[], body: string): void {
  const folder = join(root, 'node_modules', name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version: '1.0.0', exports: './index.mjs' }));
  writeFileSync(
    join(folder, 'index.mjs'),
    `export default { [Symbol.for('stoa.driver')]: true, name: '${name}', kind: '${kind}', sdk: '^1.0.0',
      capabilities: { shared: 'host' }, configSchema: ${schema(JSON.stringify(accepted))}, ${body} };`,
  );
}

writeDriver('plain-data', 'data', ['path'], `create: async () => ${store("'data'")}`);
writeDriver('plain-blob', 'blob', ['path'], `create: async (config) => ${store("'blob ' + config.path")}`);
writeDriver(
  'nesting-blob',
  'blob',
  ['parts'],
  `inner: ({ parts }) => parts.map((section, i) => ({ kind: 'blob', path: ['parts', String(i)], section })),
   create: async (config, { stores }) => {
     const data = await stores.own('data');
     const parts = [];
     for (const part of config.parts.map((section, i) => ({ kind: 'blob', path: ['parts', String(i)], section })))
       parts.push(await stores.open(part));
     globalThis.compositeTest.push('made of ' + [data, ...parts].map(({ name }) => name).join(', '));
     return { ...${store("'composite'")}, close: async () => {
       for (const { driver } of parts) await driver.close();
       globalThis.compositeTest.push('close composite'); } };
   }`,
);
writeDriver('waiting-data', 'data', [], `create: async (_, { stores }) => { await stores.own('blob'); }`);

const TOML = `[data]
driver = "plain-data"

[blob]
driver = "nesting-blob"

[[blob.parts]]
driver = "plain-blob"
path = "one"

[[blob.parts]]
driver = "plain-blob"
path = "two"
`;
const read = (text: string, environment = {}) =>
  new ConfigDocument({ file: join(root, 'stoa.toml'), text, environment });
const hostOf = (text: string) =>
  new DriverHost(read(text), { dataDirectory: root, id: 'n1' } as NodeInfo, recordingLogger());

describe('a composite', () => {
  it('is made of the node’s own stores, opened once, and of those that its section names', async () => {
    const host = hostOf(TOML);
    const [blob, data] = await Promise.all([host.get('blob'), host.get('data')]);
    expect(blob.name).toBe('nesting-blob');
    expect(data).toBe(await host.get('data'));
    expect(told).toEqual(['made of plain-data, plain-blob, plain-blob']);
    await host.close();
  });

  it.each([[['data', 'blob']], [['blob', 'data']]] as const)(
    'is closed before what it is made of, opened as %j',
    async (kinds) => {
      const host = hostOf(TOML);
      for (const kind of kinds) await host.get(kind);
      told.splice(0);
      await host.close();
      expect(told).toEqual(['close blob one', 'close blob two', 'close composite', 'close data']);
    },
  );

  it('gets its stores guarded', async () => {
    writeDriver(
      'asking-blob',
      'blob',
      [],
      `create: async (_, { stores }) => { await (await stores.own('data')).driver.get([new Uint8Array()]); }`,
    );
    const host = hostOf('[data]\ndriver = "plain-data"\n[blob]\ndriver = "asking-blob"');
    await expect(host.get('blob')).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringMatching(/^\[blob\] driver asking-blob: a key has 1 to/),
    });
  });

  it.each(['blob', 'data'] as const)('that waits for what waits for it is refused, %s first', async (first) => {
    const host = hostOf(TOML.replace('plain-data', 'waiting-data'));
    const opened = await Promise.allSettled([host.get(first), host.get('blob'), host.get('data')]);
    for (const each of opened) {
      expect(each).toMatchObject({
        status: 'rejected',
        reason: { code: 'invalid-configuration', message: expect.stringContaining('which is made of it') },
      });
    }
    await host.close();
  });
});

describe('an inner section', () => {
  it.each([
    [TOML.replace('path = "two"', 'pathh = "two"'), /stoa\.toml:\d+: blob\.parts\.1\.pathh: not known/],
    [
      TOML.replace('"plain-blob"\npath = "two"', '"absent-blob"'),
      /\[blob\.parts\.1\] .*there is no driver "absent-blob"/,
    ],
    [TOML.replace('driver = "plain-blob"\npath = "two"', 'path = "two"'), /blob\.parts\.1\.driver: expected the name/],
    [TOML.replace('"plain-blob"\npath = "two"', '"plain-data"'), /is a driver of kind "data", not "blob"/],
  ])('is checked with the composite’s own, before anything is opened', async (text, message) => {
    await expect(readDriverSection(read(text), 'blob')).rejects.toMatchObject({
      code: 'invalid-configuration',
      message: expect.stringMatching(message),
    });
  });
});

describe('the default blob store', () => {
  it('has its keys checked down to those of the store outside, with their lines', async () => {
    const wrong = readDriverSection(read('[blob]\nthreshold = "1 KiB"\n\n[blob.outer]\npth = "here"\n'), 'blob');
    await expect(wrong).rejects.toThrow(/stoa\.toml:5: unknown key blob\.outer\.pth; did you mean path\?/);
    await expect(readDriverSection(read('[blob]\ntreshold = "1 KiB"'), 'blob')).rejects.toThrow(
      /stoa\.toml:2: unknown key blob\.treshold; did you mean threshold\?/,
    );
    await expect(readDriverSection(read('[blob.outer]\ndriver = "s3"'), 'blob')).rejects.toThrow(/blob\.outer\.bucket/);
  });

  it('takes them from variables too, a number as text where text is wanted', async () => {
    const variables = { STOA_BLOB__OUTER__PATH: '7', STOA_BLOB__THRESHOLD: '32 KiB' };
    const { config } = await readDriverSection(read('', variables), 'blob');
    expect(config).toMatchObject({ threshold: 32_768, outer: { driver: 'fs' } });
    const wrong = readDriverSection(read('', { STOA_BLOB__OUTER__TEMPORARY_HOURS: '1' }), 'blob');
    await expect(wrong).rejects.toThrow(/environment variable STOA_BLOB__OUTER__TEMPORARY_HOURS: unknown key/);
  });
});
