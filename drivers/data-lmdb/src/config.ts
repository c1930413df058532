import { byteSize, camelKeys, duration } from '@stoa/config-values';
import { z } from 'zod';

export const configSchema = z
  .strictObject({
    path: z
      .string()
      .min(1)
      .default('data')
      .describe('Folder of the database, on a local disk; relative to the data directory.'),
    'address-space': byteSize('1 MiB', '64 TiB')
      .prefault('64 GiB')
      .describe(
        'Address space to reserve for the database. It takes neither memory nor disk, and the database may outgrow it; ' +
          'lower it where the address space of a process is limited.',
      ),
    'max-readers': z
      .int()
      .min(16)
      .max(65_536)
      .default(4096)
      .describe('Snapshots that may be open at a time, over all processes that use the folder.'),
    'max-scan-time': duration('30s', '1h')
      .prefault('2m')
      .describe(
        'A scan open for longer is ended, since its snapshot keeps the space of deleted data from being used again.',
      ),
  })
  .transform(camelKeys);

export type Config = z.infer<typeof configSchema>;
