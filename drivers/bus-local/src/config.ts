import { byteSize, camelKeys } from '@stoa/config-values';
import { z } from 'zod';

export const configSchema = z
  .strictObject({
    channel: z
      .string()
      .min(1)
      .default('default')
      .describe('Buses of one process with the same channel see each other.'),
    'max-queued-messages': z
      .int()
      .min(1)
      .max(1_000_000)
      .default(10_000)
      .describe(
        'Messages that may wait for one listener; beyond it they are dropped and the listener is told of a gap.',
      ),
    'max-queued-size': byteSize('1 MiB')
      .prefault('16 MiB')
      .describe('Octets that may wait for one listener, likewise.'),
  })
  .transform(camelKeys);

export type Config = z.infer<typeof configSchema>;
