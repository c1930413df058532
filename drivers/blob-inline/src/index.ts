import { defineDriver } from '@stoa/plugin-sdk';
import { configSchema } from './config.ts';
import { openInlineBlobStore } from './store.ts';

/** Blob store, kept in memory: a start for a real one. */
export default defineDriver({
  name: 'inline',
  kind: 'blob',
  sdk: '^1.0.0',
  configSchema,
  capabilities: { shared: 'process', conditionalCreate: true },
  create: async (config) => openInlineBlobStore(config),
});
