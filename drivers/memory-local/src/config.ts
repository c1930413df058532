import { z } from 'zod';

export const configSchema = z.strictObject({
  maxBytes: z
    .int()
    .min(1024 * 1024)
    .default(64 * 1024 * 1024)
    .describe('Memory for keys and values; when it is used up, the keys closest to their end are dropped.'),
});

export type Config = z.infer<typeof configSchema>;
