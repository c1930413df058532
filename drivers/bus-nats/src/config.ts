import { z } from 'zod';

export const configSchema = z.strictObject({
  name: z.string().min(1).default('default').describe('Stores of the same name in one process are the same store.'),
});

export type Config = z.output<typeof configSchema>;
