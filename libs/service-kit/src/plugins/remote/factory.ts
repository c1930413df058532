import { resolve } from 'node:path';
import { DRIVER_BRAND, type DriverFactory, type DriverKind, type DriverKinds } from '@stoa/plugin-sdk';
import { z } from 'zod';
import { address, duration } from '../../config/types.ts';
import { RemoteBlobStore } from './blob-client.ts';
import { RemoteBus } from './bus-client.ts';
import { RemoteConnection, type RemoteTarget } from './connection.ts';
import { RemoteDataStore } from './data-client.ts';
import { RemoteMemoryStore } from './memory-client.ts';
import { RemoteSearchStore } from './search-client.ts';

/** As configuration names a driver that another process serves. */
export const REMOTE_DRIVER = 'remote';

export const remoteConfig = z.strictObject({
  address: address().describe('Where the driver listens; it serves the contracts of proto/stoa/plugin/v1.'),
  tls: z
    .strictObject({
      ca: z.string().describe('PEM file with the authority that the driver’s certificate is checked by.'),
      cert: z.string().describe('PEM file with the certificate shown to the driver.'),
      key: z.string().describe('PEM file with its private key.'),
    })
    .optional()
    .describe('Mutual TLS; needed beyond loopback. Paths are relative to the configuration.'),
  timeout: duration().prefault('30s').describe('Longest time of a call.'),
  'connect-timeout': duration().prefault('10s').describe('How long the start waits for the driver to answer.'),
  config: z.record(z.string(), z.unknown()).default({}).describe('The configuration of the driver itself.'),
});

export type RemoteConfig = z.output<typeof remoteConfig>;

/**
 * A driver that runs in another process, written in whatever language. Its capabilities are known once it was reached;
 * before, the weakest are assumed. `folder` is where relative paths of the configuration start.
 */
export function remoteDriver<K extends DriverKind>(kind: K, folder: string): DriverFactory<K, RemoteConfig> {
  let capabilities: object = { shared: 'process', deletePrefix: false, conditionalCreate: false };
  return {
    [DRIVER_BRAND]: true,
    name: REMOTE_DRIVER,
    kind,
    sdk: '^1.0.0',
    configSchema: remoteConfig,
    get capabilities() {
      return capabilities as DriverKinds[K]['capabilities'];
    },
    async create(config) {
      const { tls } = config;
      const opened = await openRemote(kind, {
        ...config,
        tls: tls && { ca: resolve(folder, tls.ca), cert: resolve(folder, tls.cert), key: resolve(folder, tls.key) },
      });
      capabilities = opened.capabilities;
      return opened.driver;
    },
  };
}

/** Connects to a driver that another process serves, and hands over its configuration. */
export async function openRemote<K extends DriverKind>(
  kind: K,
  target: RemoteTarget,
): Promise<{ driver: DriverKinds[K]['driver']; capabilities: DriverKinds[K]['capabilities'] }> {
  const connection = new RemoteConnection(kind, target);
  try {
    const capabilities = await connection.open();
    const driver = makeDriver(kind, connection, capabilities) as DriverKinds[K]['driver'];
    return { driver, capabilities: capabilities as DriverKinds[K]['capabilities'] };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

function makeDriver(kind: DriverKind, connection: RemoteConnection, capabilities: object) {
  switch (kind) {
    case 'data':
      return new RemoteDataStore(connection);
    case 'blob':
      return new RemoteBlobStore(connection);
    case 'memory':
      return new RemoteMemoryStore(connection, (capabilities as { deletePrefix?: boolean }).deletePrefix === true);
    case 'search':
      return new RemoteSearchStore(connection);
    case 'bus':
      return new RemoteBus(connection);
  }
}
