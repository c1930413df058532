import { blobStoreSuite } from '@stoa/plugin-sdk/conformance';
import { type S3Server, startS3 } from '@stoa/test-servers';
import { afterAll, beforeAll, describe, test } from 'vitest';
import factory from './index.ts';

let server: S3Server;
beforeAll(async () => {
  server = await startS3();
});
afterAll(() => server?.stop());

blobStoreSuite({
  describe,
  test: (name, body) => test(name, body, 120_000),
  factory,
  config: () => ({
    bucket: server.bucket,
    prefix: 'conformance/',
    endpoint: server.endpoint,
    region: server.region,
    'access-key': server.accessKey,
    'secret-key': server.secretKey,
  }),
  crash: { module: new URL('./index.ts', import.meta.url) },
});
