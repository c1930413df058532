import { checkConnection, connectionShape } from '@stoa/redis';
import { z } from 'zod';

export const configSchema = z.strictObject({ ...connectionShape }).superRefine(checkConnection);

export type Config = z.infer<typeof configSchema>;
