import { defineDriver } from '@stoa/plugin-sdk';
import { configSchema } from './config.ts';
import { openRedisMemoryStore } from './store.ts';

/** Memory store in Redis: a single server, a master watched by Sentinels, or a cluster. */
export default defineDriver({
  name: 'redis',
  kind: 'memory',
  sdk: '^1.0.0',
  configSchema,
  capabilities: { shared: 'network', deletePrefix: true },
  create: openRedisMemoryStore,
});
