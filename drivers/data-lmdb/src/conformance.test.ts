import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dataStoreSuite } from '@stoa/plugin-sdk/conformance';
import { afterAll, describe, test } from 'vitest';
import factory from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'stoa-data-lmdb-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

dataStoreSuite({
  describe,
  test,
  factory,
  config: () => ({}),
  context: { dataDirectory: folder },
  crash: { module: new URL('./index.ts', import.meta.url) },
});
