import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blobStoreSuite } from '@stoa/plugin-sdk/conformance';
import { afterAll, describe, test } from 'vitest';
import { hostOf } from '../test/stores.ts';
import factory from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'stoa-blob-inline-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// With the default threshold the suite's blobs are inside and outside; with the others (nearly) all are in one of them.
describe.each([['0 B'], ['64 KiB'], ['1 MiB']])('LMDB and the filesystem, threshold %s', (threshold) => {
  blobStoreSuite({
    describe,
    test,
    factory,
    config: () => ({ threshold }),
    context: { dataDirectory: join(folder, threshold.replace(' ', '')) },
    host: hostOf({ data: { driver: 'lmdb' } }),
    crash: { module: new URL('./index.ts', import.meta.url) },
  });
});
