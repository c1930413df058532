import { defineDriver } from '@stoa/plugin-sdk';
import { configSchema } from './config.ts';
import { openStore } from './open.ts';

/** Data store on LMDB. Several processes of one host may use the same folder. */
export default defineDriver({
  name: 'lmdb',
  kind: 'data',
  sdk: '^1.0.0',
  configSchema,
  capabilities: { shared: 'host' },
  create: openStore,
});
