import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlobStore, DataStore, DriverContext, DriverFactory, InnerStore } from '@stoa/plugin-sdk';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

async function open(name: string, config: unknown, context: Partial<DriverContext>): Promise<unknown> {
  const { default: factory } = (await import(name)) as { default: DriverFactory };
  const result = await factory.configSchema['~standard'].validate(config);
  if (result.issues !== undefined) throw new Error(result.issues[0]!.message);
  return factory.create(result.value, { logger: silent, dataDirectory: '/nonexistent', nodeId: 'test', ...context });
}

/** The composite that keeps bodies up to `threshold` in `data`, and the others in `outer`; both stay the caller's. */
export async function inlineBlobs(data: DataStore, outer: BlobStore, threshold = '64 KiB'): Promise<BlobStore> {
  const inner = (driver: DataStore | BlobStore) =>
    ({
      name: 'test',
      driver,
      capabilities: { shared: 'process', conditionalCreate: true },
    }) as unknown as InnerStore<never>;
  const stores: DriverContext['stores'] = { own: async () => inner(data), open: async () => inner(outer) };
  return (await open('@stoa/driver-blob-inline', { threshold }, { stores })) as BlobStore;
}

/** The embedded stores in a temporary folder, loaded by name as the plugin loader does; `outer`: all blobs in files. */
export async function embeddedStores(parent = tmpdir(), threshold = '64 KiB') {
  const directory = await mkdtemp(join(parent, 'stoa-stores-'));
  const data = (await open('@stoa/driver-data-lmdb', {}, { dataDirectory: directory })) as DataStore;
  const outer = (await open('@stoa/driver-blob-fs', {}, { dataDirectory: directory })) as BlobStore;
  return {
    directory,
    data,
    outer,
    blobs: await inlineBlobs(data, outer, threshold),
    async close() {
      await data.close();
      await outer.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
