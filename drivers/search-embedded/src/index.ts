import { defineDriver } from '@stoa/plugin-sdk';
import { configSchema } from './config.ts';
import { openStore } from './open.ts';

/** Full-text index in SQLite files. Several processes of one host may use the same folder. */
export default defineDriver({
  name: 'embedded',
  kind: 'search',
  sdk: '^1.0.0',
  configSchema,
  capabilities: { shared: 'host' },
  create: openStore,
});
