import { randomUUID } from 'node:crypto';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { type BlobPutOptions, hasCode } from '@stoa/plugin-sdk';
import type { Bucket } from './bucket.ts';
import { findMaker, headObject, makerMetadata } from './head.ts';
import { gather, type Source } from './source.ts';

/** Stores a blob with one request (two where the server knows no conditional put). */
export async function putSmall(
  bucket: Bucket,
  name: string,
  source: Source,
  options: BlobPutOptions,
): Promise<{ created: boolean }> {
  const { signal } = options;
  await bucket.uploadMemory.take(options.size, signal);
  try {
    return await putWhole(bucket, name, await gather(source, options), signal);
  } finally {
    bucket.uploadMemory.give(options.size);
  }
}

async function putWhole(
  bucket: Bucket,
  name: string,
  content: Buffer,
  signal: AbortSignal | undefined,
): Promise<{ created: boolean }> {
  const conditional = bucket.features.conditionalPut;
  if (!conditional && (await headObject(bucket, name, { signal })) !== undefined) return { created: false };
  const maker = randomUUID();
  const input = {
    ...bucket.objectOptions,
    Bucket: bucket.name,
    Key: name,
    Body: content,
    ContentLength: content.length,
    ContentType: 'application/octet-stream',
    Metadata: makerMetadata(maker),
    ...(conditional ? { IfNoneMatch: '*' } : {}),
  };
  let retried = false;
  const onRetry = () => {
    retried = true;
  };
  try {
    await bucket.requests.run((client, sending) => client.send(new PutObjectCommand(input), sending), {
      signal,
      octets: content.length,
      onRetry,
    });
    return { created: true };
  } catch (error) {
    if (!hasCode(error, 'already-exists')) throw error;
    // An attempt whose answer was lost may have stored it.
    return { created: retried && (await findMaker(bucket, name, maker, { signal })) === 'own' };
  }
}
