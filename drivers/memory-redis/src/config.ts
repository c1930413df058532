import { camelKeys } from '@stoa/config-values';
import { checkConnection, connectionShape } from '@stoa/redis';
import { z } from 'zod';

export const configSchema = z
  .strictObject({ ...connectionShape })
  .superRefine(checkConnection)
  .transform(camelKeys);

export type Config = z.infer<typeof configSchema>;
