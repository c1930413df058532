import { defineDriver } from '@stoa/plugin-sdk';
import { configSchema } from './config.ts';
import { LocalMemoryStore } from './store.ts';

/** Memory store inside the process. */
export default defineDriver({
  name: 'local',
  kind: 'memory',
  sdk: '^1.0.0',
  configSchema,
  capabilities: { shared: 'process', deletePrefix: true },
  create: async (config) => new LocalMemoryStore(config),
});
