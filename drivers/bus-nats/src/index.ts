import { defineDriver } from '@stoa/plugin-sdk';
import { openNatsBus } from './bus.ts';
import { configSchema } from './config.ts';

/** Bus over core NATS: a single server, or a cluster of them. */
export default defineDriver({
  name: 'nats',
  kind: 'bus',
  sdk: '^1.0.0',
  configSchema,
  capabilities: { shared: 'network' },
  create: openNatsBus,
});
