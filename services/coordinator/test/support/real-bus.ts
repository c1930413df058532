import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Bus } from '@stoa/plugin-sdk';
import { loadDriver } from '@stoa/service-kit';
import { recordingLogger } from './test-node.ts';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));

/** Where a bus of a driver is, as its configuration section says it. */
export interface BusPlace {
  driver: string;
  config: object;
}

/** A connection to a real bus, by the driver that a name stands for. Rejects while the bus is away, if the driver does. */
export async function openBus({ driver, config }: BusPlace, nodeId: string): Promise<Bus> {
  const factory = await loadDriver('bus', driver, ROOT);
  const checked = await factory.configSchema['~standard'].validate(config);
  if (checked.issues !== undefined) throw new Error(JSON.stringify(checked.issues));
  return factory.create(checked.value, { logger: recordingLogger(), dataDirectory: tmpdir(), nodeId });
}
