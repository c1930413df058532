import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { searchStoreSuite } from '@stoa/plugin-sdk/conformance';
import { afterAll, describe, test } from 'vitest';
import factory from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'stoa-search-embedded-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

searchStoreSuite({
  describe,
  test,
  factory,
  config: () => ({}),
  context: { dataDirectory: folder },
  crash: { module: new URL('./index.ts', import.meta.url) },
});
