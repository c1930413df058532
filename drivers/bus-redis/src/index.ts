import { defineDriver } from '@stoa/plugin-sdk';
import { openRedisBus } from './bus.ts';
import { configSchema } from './config.ts';

/** Bus over Redis: pub/sub of a single server or a master watched by Sentinels, sharded pub/sub of a cluster. */
export default defineDriver({
  name: 'redis',
  kind: 'bus',
  sdk: '^1.0.0',
  configSchema,
  capabilities: { shared: 'network' },
  create: openRedisBus,
});
