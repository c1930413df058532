import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DriverFactory, DriverKind } from '@stoa/plugin-sdk';
import {
  blobStoreSuite,
  busSuite,
  dataStoreSuite,
  memoryStoreSuite,
  type SuiteOptions,
  searchStoreSuite,
} from '@stoa/plugin-sdk/conformance';
import { afterAll, describe, test } from 'vitest';
import { DEFAULT_DRIVERS } from '../../config/sections.ts';
import { loadDriver } from '../load.ts';
import { remoteDriver } from './factory.ts';
import { type ServedPlugin, servePlugin } from './serve-plugin.ts';

// The drivers that come with Stoa, each behind gRPC: whatever holds for them must hold for the remote driver over them.

const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };
const folder = await mkdtemp(join(tmpdir(), 'stoa-remote-'));
const served: ServedPlugin[] = [];

afterAll(async () => {
  await Promise.all(served.map((plugin) => plugin.stop()));
  await rm(folder, { recursive: true, force: true });
});

const suites: { [K in DriverKind]: (options: SuiteOptions<K>) => void } = {
  data: dataStoreSuite,
  blob: blobStoreSuite,
  memory: memoryStoreSuite,
  bus: busSuite,
  search: searchStoreSuite,
};

for (const kind of Object.keys(suites) as DriverKind[]) {
  // A composite works with the stores of its node, so it is nothing for another process; what it is made of is.
  const name = kind === 'blob' ? 'fs' : DEFAULT_DRIVERS[kind];
  const factory = (await loadDriver(kind, name, import.meta.dirname)) as DriverFactory;
  const context = { logger: silent, dataDirectory: join(folder, kind), nodeId: 'remote' };
  const plugin = await servePlugin({ factory, listen: { host: '127.0.0.1', port: 0 }, context, logger: silent });
  served.push(plugin);
  const remote = remoteDriver(kind, folder);
  const config = { address: plugin.address, config: {} };
  // The first connection tells what the driver can do, which the suite asks for.
  await (await remote.create(remoteConfigOf(remote, config), context)).close();
  describe(`a remote ${kind} driver`, () => {
    const run = suites[kind] as (options: SuiteOptions<DriverKind>) => void;
    run({ test, describe, factory: remote as DriverFactory, config: () => config });
  });
}

function remoteConfigOf(remote: ReturnType<typeof remoteDriver>, config: unknown) {
  const checked = remote.configSchema['~standard'].validate(config);
  if (checked instanceof Promise || checked.issues !== undefined) throw new Error('the configuration is refused');
  return checked.value;
}
