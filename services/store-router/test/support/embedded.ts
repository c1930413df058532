import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlobStore, DataStore, DriverFactory } from '@stoa/plugin-sdk';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

async function open(name: string, dataDirectory: string): Promise<unknown> {
  const { default: factory } = (await import(name)) as { default: DriverFactory };
  const result = await factory.configSchema['~standard'].validate({});
  if (result.issues !== undefined) throw new Error(result.issues[0]!.message);
  return factory.create(result.value, { logger: silent, dataDirectory, nodeId: 'test' });
}

/** The embedded stores in a temporary folder, loaded by name as the plugin loader does. */
export async function embeddedStores(parent = tmpdir()) {
  const directory = await mkdtemp(join(parent, 'stoa-stores-'));
  const data = (await open('@stoa/driver-data-lmdb', directory)) as DataStore;
  const blobs = (await open('@stoa/driver-blob-fs', directory)) as BlobStore;
  return {
    directory,
    data,
    blobs,
    async close() {
      await data.close();
      await blobs.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
