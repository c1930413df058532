import { byteSize, camelKeys } from '@stoa/config-values';
import { z } from 'zod';

export const configSchema = z
  .strictObject({
    'max-size': byteSize('1 MiB')
      .prefault('64 MiB')
      .describe('Memory for keys and values; when it is used up, the keys closest to their end are dropped.'),
  })
  .transform(camelKeys);

export type Config = z.infer<typeof configSchema>;
