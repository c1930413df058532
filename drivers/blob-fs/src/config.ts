import { z } from 'zod';

export const configSchema = z.strictObject({
  path: z
    .string()
    .min(1)
    .default('blobs')
    .describe('Folder of the blobs, on a file system with hard links; relative to the data directory.'),
  temporaryHours: z
    .number()
    .min(1)
    .max(24 * 365)
    .default(24)
    .describe('Remains of interrupted writes are deleted at the start when nothing was added to them for so long.'),
});

export type Config = z.infer<typeof configSchema>;
