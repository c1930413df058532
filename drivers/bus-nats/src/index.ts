import { defineDriver } from '@stoa/plugin-sdk';
import { configSchema } from './config.ts';
import { openNatsBus } from './bus.ts';

/** Bus, kept in memory: a start for a real one. */
export default defineDriver({
  name: 'nats',
  kind: 'bus',
  sdk: '^1.0.0',
  configSchema,
  capabilities: { shared: 'process' },
  create: async (config) => openNatsBus(config),
});
