import type { BlobStore, DataStore, DriverFactory, DriverKind, InnerStore } from '@stoa/plugin-sdk';
import type { HostOptions } from '@stoa/plugin-sdk/conformance';

const PACKAGES = {
  'data/lmdb': '@stoa/driver-data-lmdb',
  'data/postgres': '@stoa/driver-data-postgres',
  'blob/fs': '@stoa/driver-blob-fs',
  'blob/s3': '@stoa/driver-blob-s3',
} as const;

/** A node for the suite, on the drivers that are installed beside this one. */
export function hostOf(own: HostOptions['own']): HostOptions {
  const drivers = Object.entries(PACKAGES).map(([name, wanted]) => [name, import.meta.resolve(wanted)] as const);
  return { drivers: Object.fromEntries(drivers), own };
}

/** LMDB and files in a folder, for tests that look at what lies where. */
export async function openInner(
  dataDirectory: string,
): Promise<{ data: InnerStore<'data'> & { driver: DataStore }; outer: InnerStore<'blob'> & { driver: BlobStore } }> {
  const open = async <K extends DriverKind>(name: string): Promise<InnerStore<K>> => {
    const { default: factory } = (await import(name)) as { default: DriverFactory<K> };
    const checked = await factory.configSchema['~standard'].validate({});
    if (checked.issues !== undefined) throw new Error(checked.issues[0]?.message);
    const logger = { debug() {}, info() {}, warn() {}, error() {} };
    const driver = await factory.create(checked.value, { logger, dataDirectory, nodeId: 'test' });
    return { name, driver, capabilities: factory.capabilities };
  };
  return { data: await open<'data'>(PACKAGES['data/lmdb']), outer: await open<'blob'>(PACKAGES['blob/fs']) };
}

/** All that comes, once it has ended. */
export async function collected<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
