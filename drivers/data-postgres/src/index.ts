import { defineDriver } from '@stoa/plugin-sdk';
import { configSchema } from './config.ts';
import { openStore } from './open.ts';

/** Data store on PostgreSQL 15 or newer. Any number of hosts may use the same schema of a database. */
export default defineDriver({
  name: 'postgres',
  kind: 'data',
  sdk: '^1.0.0',
  configSchema,
  capabilities: { shared: 'network' },
  create: openStore,
});
