import { join } from 'node:path';
import { capabilitiesOf, DRIVER_BRAND, type DriverFactory, type DriverKind, type OpenedDriver } from '@stoa/plugin-sdk';
import { z } from 'zod';
import type { ConfigDocument } from '../config/load.ts';
import type { WorkerPlace } from '../node/worker-place.ts';
import type { NodeInfo } from '../service.ts';
import type { Logger } from '../telemetry/logger.ts';
import { DriverHost, readDriverSection } from './host.ts';
import { REMOTE_DRIVER } from './remote/factory.ts';
import { type ServedPlugin, servePlugin } from './remote/serve-plugin.ts';

/** Kinds that hold nothing durable, so that a driver may keep all it has in one process. */
const KINDS = ['memory', 'bus'] as const;

export interface SharedStores {
  /** Kind to the path of the socket where it is served. */
  readonly sockets: WorkerPlace['shared'];
  close(): Promise<void>;
}

export interface ShareOptions {
  document: ConfigDocument;
  node: NodeInfo;
  logger: Logger;
  /** For the sockets; nobody else may enter it. */
  folder: string;
}

/**
 * Opens what the workers of a node could not share, because the driver keeps it in one process, and serves it to them by
 * the contract of drivers in other processes. Rejects as a start does.
 */
export async function shareStores({ document, node, logger, folder }: ShareOptions): Promise<SharedStores> {
  const host = new DriverHost(document, node, logger);
  const served: ServedPlugin[] = [];
  const sockets: Partial<Record<DriverKind, string>> = {};
  const close = async () => {
    await Promise.all(served.map((plugin) => plugin.stop()));
    await host.close();
  };
  try {
    for (const kind of KINDS) {
      const { name, factory } = await readDriverSection<DriverKind>(document, kind);
      if (name === REMOTE_DRIVER || factory.capabilities.shared !== 'process') continue;
      const { driver } = await host.get<DriverKind>(kind);
      if (capabilitiesOf(factory, driver).shared !== 'process') continue;
      const path = join(folder, `${kind}.sock`);
      const context = { logger, dataDirectory: node.dataDirectory, nodeId: node.id };
      served.push(await servePlugin({ factory: opened(factory, driver), listen: { path }, context, logger }));
      sockets[kind] = path;
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { sockets, close };
}

/** A factory that gives what is open already, and asks for no configuration. */
function opened<K extends DriverKind>(factory: DriverFactory<K>, driver: OpenedDriver<K>): DriverFactory<K> {
  const { name, kind, sdk, capabilities } = factory;
  return {
    [DRIVER_BRAND]: true,
    name,
    kind,
    sdk,
    capabilities,
    configSchema: z.strictObject({}),
    create: async () => driver,
  };
}
