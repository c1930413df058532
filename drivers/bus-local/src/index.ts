import { defineDriver } from '@stoa/plugin-sdk';
import { LocalBus } from './bus.ts';
import { configSchema } from './config.ts';

/** Bus inside the process. */
export default defineDriver({
  name: 'local',
  kind: 'bus',
  sdk: '^1.0.0',
  configSchema,
  capabilities: { shared: 'process' },
  create: async (config, context) => new LocalBus(config, context.logger),
});
