import { defineDriver } from '@stoa/plugin-sdk';
import { configSchema } from './config.ts';
import { openStore } from './open.ts';

/** Blob store on a file system: a file for each blob. Several processes of one host may use the same folder. */
export default defineDriver({
  name: 'fs',
  kind: 'blob',
  sdk: '^1.0.0',
  configSchema,
  capabilities: { shared: 'host', conditionalCreate: true },
  create: openStore,
});
