import { byteSize, camelKeys } from '@stoa/config-values';
import { checkConnection, connectionShape } from '@stoa/redis';
import { z } from 'zod';

export const configSchema = z
  .strictObject({
    ...connectionShape,
    'max-pending-size': byteSize('1 MiB')
      .prefault('64 MiB')
      .describe('Octets of messages that may wait to be taken by Redis; beyond it publishing is refused.'),
  })
  .superRefine(checkConnection)
  .transform(camelKeys);

export type Config = z.infer<typeof configSchema>;
