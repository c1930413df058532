import { createHash, randomUUID } from 'node:crypto';
import { S3Client } from '@aws-sdk/client-s3';
import { type BlobStore, type DriverContext, type OpenedDriver, StoaError } from '@stoa/plugin-sdk';
import type { S3Server } from '@stoa/test-servers';
import factory from '../src/index.ts';

const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** Configuration, as a user would write it, of a store of its own on the server. */
export function configFor(server: S3Server, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    bucket: server.bucket,
    prefix: `${randomUUID()}/`,
    endpoint: server.endpoint,
    region: server.region,
    'access-key': server.accessKey,
    'secret-key': server.secretKey,
    ...more,
  };
}

/** Opens a store; rejects as the host would refuse the configuration. */
export async function open(
  raw: Record<string, unknown>,
  context: Partial<DriverContext> = {},
): Promise<OpenedDriver<'blob'>> {
  const checked = await factory.configSchema['~standard'].validate(raw);
  if (checked.issues) throw new StoaError('invalid-configuration', checked.issues.map(({ message }) => message).join());
  return factory.create(checked.value, { logger: silent, nodeId: 'test', dataDirectory: '/nonexistent', ...context });
}

/** Opens a store for the body, and closes it whatever happens. */
export async function withStore<T>(raw: Record<string, unknown>, body: (store: BlobStore) => Promise<T>): Promise<T> {
  const store = await open(raw);
  try {
    return await body(store);
  } finally {
    await store.close();
  }
}

export async function collect<T>(batches: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

export async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await collect(chunks));
}

/** A client of the SDK as it comes, to look past the driver. */
export function plainClient(server: S3Server): S3Client {
  return new S3Client({
    endpoint: server.endpoint,
    region: server.region,
    forcePathStyle: true,
    credentials: { accessKeyId: server.accessKey, secretAccessKey: server.secretKey },
  });
}

/** Octets that depend on the seed alone. */
export function octetsOf(size: number, seed: number): Buffer {
  const block = createHash('shake256', { outputLength: Math.min(size, 65_536) })
    .update(String(seed))
    .digest();
  return Buffer.alloc(size, block);
}
