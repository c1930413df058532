import { blobStoreSuite } from '@stoa/plugin-sdk/conformance';
import { type PostgresServer, type S3Server, startPostgres, startS3 } from '@stoa/test-servers';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { hostOf } from '../test/stores.ts';
import factory from './index.ts';

let postgres: PostgresServer;
let s3: S3Server;
beforeAll(async () => {
  [postgres, s3] = await Promise.all([startPostgres(), startS3()]);
}, 120_000);
afterAll(async () => {
  await Promise.all([postgres?.stop(), s3?.stop()]);
}, 30_000);

describe('PostgreSQL and S3', () => {
  blobStoreSuite({
    describe,
    test: (name, body) => test(name, body, 120_000),
    factory,
    config: () => ({
      outer: {
        driver: 's3',
        bucket: s3.bucket,
        prefix: 'inline/',
        endpoint: s3.endpoint,
        region: s3.region,
        'access-key': s3.accessKey,
        'secret-key': s3.secretKey,
      },
    }),
    host: async () => hostOf({ data: { driver: 'postgres', url: await postgres.createDatabase('inline') } }),
    crash: { module: new URL('./index.ts', import.meta.url) },
  });
});
