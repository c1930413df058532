import { defineDriver } from '@stoa/plugin-sdk';
import { configSchema } from './config.ts';
import { openRedisMemoryStore } from './store.ts';

/** Memory store, kept in memory: a start for a real one. */
export default defineDriver({
  name: 'redis',
  kind: 'memory',
  sdk: '^1.0.0',
  configSchema,
  capabilities: { shared: 'process', deletePrefix: false },
  create: async (config) => openRedisMemoryStore(config),
});
