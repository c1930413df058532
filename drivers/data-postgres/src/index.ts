import { defineDriver } from '@stoa/plugin-sdk';
import { configSchema } from './config.ts';
import { openPostgresDataStore } from './store.ts';

/** Data store, kept in memory: a start for a real one. */
export default defineDriver({
  name: 'postgres',
  kind: 'data',
  sdk: '^1.0.0',
  configSchema,
  capabilities: { shared: 'process' },
  create: async (config) => openPostgresDataStore(config),
});
