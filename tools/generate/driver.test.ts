import { mkdtempSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { DriverFactory } from '@stoa/plugin-sdk';
import { verifyDriver } from '@stoa/plugin-sdk/conformance';
import { afterAll, describe, expect, it } from 'vitest';
import { generateDriver } from './driver.ts';

// Below node_modules/.cache, so that the packages' imports find the SDK.
const root = mkdtempSync(join(resolve(import.meta.dirname, '../..'), 'tools/generate/.made-'));

afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('a new driver', () => {
  it.each(['data', 'blob', 'memory', 'search', 'bus'])(
    'of kind %s passes the suite of its kind at once',
    async (kind) => {
      const folder = generateDriver(root, kind, 'made-up');
      const { default: factory } = (await import(join(folder, 'src/index.ts'))) as { default: DriverFactory };
      expect(factory).toMatchObject({ name: 'made-up', kind });
      const report = await verifyDriver(factory, { name: 'made-up' });
      expect(
        report.results.filter((result) => !result.passed).map((result) => [result.name, String(result.error)]),
      ).toEqual([]);
      expect(report.results.length).toBeGreaterThan(5);
    },
    120_000,
  );

  it('never overwrites', () => {
    expect(() => generateDriver(root, 'data', 'made-up')).toThrow('exists already');
  });

  it('says what is wrong with its arguments', () => {
    expect(() => generateDriver(root, 'toaster', 'x')).toThrow('one of data, blob, memory, search, bus');
    expect(() => generateDriver(root, 'data', '../x')).toThrow('lower-case letters');
  });
});
