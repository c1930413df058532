import { z } from 'zod';

export const configSchema = z.strictObject({
  channel: z.string().min(1).default('default').describe('Buses of one process with the same channel see each other.'),
  maxQueuedMessages: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(10_000)
    .describe('Messages that may wait for one listener; beyond it they are dropped and the listener is told of a gap.'),
  maxQueuedBytes: z
    .int()
    .min(1024 * 1024)
    .default(16 * 1024 * 1024)
    .describe('Octets that may wait for one listener, likewise.'),
});

export type Config = z.infer<typeof configSchema>;
