import { z } from 'zod';

export const configSchema = z.strictObject({
  path: z
    .string()
    .min(1)
    .default('search')
    .describe('Folder of the index, on a local disk; relative to the data directory.'),
  files: z
    .int()
    .min(1)
    .max(256)
    .default(16)
    .describe('Database files the accounts are spread over. Fixed when the folder is made.'),
});

export type Config = z.infer<typeof configSchema>;
