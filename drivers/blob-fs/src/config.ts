import { camelKeys, duration } from '@stoa/config-values';
import { z } from 'zod';

export const configSchema = z
  .strictObject({
    path: z
      .string()
      .min(1)
      .default('blobs')
      .describe('Folder of the blobs, on a file system with hard links; relative to the data directory.'),
    'temporary-age': duration('1h', '365d')
      .prefault('1d')
      .describe('Remains of interrupted writes are deleted at the start when nothing was added to them for so long.'),
  })
  .transform(camelKeys);

export type Config = z.infer<typeof configSchema>;
