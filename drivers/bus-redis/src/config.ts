import { checkConnection, connectionShape } from '@stoa/redis';
import { z } from 'zod';

export const configSchema = z
  .strictObject({
    ...connectionShape,
    maxPendingBytes: z
      .int()
      .min(1024 * 1024)
      .default(64 * 1024 * 1024)
      .describe('Octets of messages that may wait to be taken by Redis; beyond it publishing is refused.'),
  })
  .superRefine(checkConnection);

export type Config = z.infer<typeof configSchema>;
