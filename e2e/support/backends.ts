import { randomBytes } from 'node:crypto';
import { createPostgresDatabase, createS3Bucket } from '@stoa/test-servers';
import { type BusName, type StoreAddresses, storesToml } from '../../tools/cluster/backends.ts';

/** The bus of the clusters in the scenarios: NATS, or Redis where the variable says so. */
export const BUS: BusName = process.env['STOA_E2E_BUS'] === 'redis' ? 'redis' : 'nats';

/** Variable by which the setup of the run tells the scenarios where the servers are that they share. */
export const SHARED_BACKENDS = 'STOA_E2E_BACKENDS';

/** Stores that are empty, and a part of the bus where nobody else speaks, on servers that run. */
export async function emptyStores(on: StoreAddresses): Promise<StoreAddresses> {
  const name = `e2e-${randomBytes(6).toString('hex')}`;
  const postgres = createPostgresDatabase(on.postgres, name);
  await createS3Bucket(on.s3, name);
  return { ...on, postgres, s3: { ...on.s3, bucket: name }, name };
}

/** Sections that name empty stores on the servers that all scenarios share. */
export async function sharedStoresToml(): Promise<string> {
  const json = process.env[SHARED_BACKENDS];
  if (json === undefined) throw new Error('the servers of the run have not been started');
  return storesToml(await emptyStores(JSON.parse(json) as StoreAddresses));
}
