import { z } from 'zod';

export const configSchema = z.strictObject({
  path: z
    .string()
    .min(1)
    .default('data')
    .describe('Folder of the database, on a local disk; relative to the data directory.'),
  reserveBytes: z
    .int()
    .min(1024 * 1024)
    .max(2 ** 46)
    .default(64 * 2 ** 30)
    .describe(
      'Address space to reserve for the database. It takes neither memory nor disk, and the database may outgrow it; ' +
        'lower it where the address space of a process is limited.',
    ),
  maxReaders: z
    .int()
    .min(16)
    .max(65_536)
    .default(4096)
    .describe('Snapshots that may be open at a time, over all processes that use the folder.'),
  maxScanSeconds: z
    .number()
    .min(30)
    .max(3600)
    .default(120)
    .describe(
      'A scan open for longer is ended, since its snapshot keeps the space of deleted data from being used again.',
    ),
});

export type Config = z.infer<typeof configSchema>;
