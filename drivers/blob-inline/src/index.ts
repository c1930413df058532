import { defineDriver } from '@stoa/plugin-sdk';
import { configSchema } from './config.ts';
import { innerSections, openStore } from './open.ts';

/** Blob store made of the node's data store, for small bodies, and any other blob store, for larger ones. */
export default defineDriver({
  name: 'inline',
  kind: 'blob',
  sdk: '^1.0.0',
  configSchema,
  // The weakest of what it may be made of; the open store tells its own.
  capabilities: { shared: 'process', conditionalCreate: false, joinsCommit: false },
  inner: innerSections,
  create: openStore,
});
