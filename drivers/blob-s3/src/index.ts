import { defineDriver } from '@stoa/plugin-sdk';
import { configSchema } from './config.ts';
import { openS3BlobStore } from './open.ts';

/** Blob store in a bucket of an S3 server. */
export default defineDriver({
  name: 's3',
  kind: 'blob',
  sdk: '^1.0.0',
  configSchema,
  // What every server can; an open store says more when the probe at the start found it.
  capabilities: { shared: 'network', conditionalCreate: false },
  create: openS3BlobStore,
});
