import { GetObjectCommand, HeadBucketCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { type BlobStore, type DriverContext, hasCode, isStoaError, StoaError } from '@stoa/plugin-sdk';
import { type Bucket, objectOptions } from './bucket.ts';
import { checksumMode, createClient } from './client.ts';
import type { Config } from './config.ts';
import { fromStart } from './errors.ts';
import { probe } from './probe.ts';
import { Requests } from './requests.ts';
import { S3BlobStore } from './store.ts';
import { UploadMemory } from './upload-memory.ts';

const FORMAT_VERSION = 1;
const STAMP = 'stoa-blobs.json';
/** An answer of HeadBucket counts for so long. */
const CHECK_MS = 1000;
const CHECK_LIMIT_MS = 5000;

/** Reaches the bucket and finds out what its server can; rejects with what to change in the configuration. */
export async function openS3BlobStore(config: Config, context: DriverContext): Promise<BlobStore> {
  const requests = new Requests(createClient(config, context), config);
  const base = {
    name: config.bucket,
    prefix: config.prefix,
    requests,
    partSize: config['part-size'],
    partsInFlight: config['parts-in-flight'],
    uploadMemory: new UploadMemory(config['upload-memory']),
    partChecksums: checksumMode(config) === 'WHEN_SUPPORTED',
    objectOptions: objectOptions(config),
  };
  try {
    await listOne(base);
    await checkStamp(base);
    const features = await probe(base);
    report(features, config.bucket, context);
    const check = cached(() => headBucket(requests, config.bucket, CHECK_LIMIT_MS));
    return new S3BlobStore({ ...base, features, check });
  } catch (error) {
    requests.destroy();
    if (hasCode(error, 'unsupported-version')) throw error;
    const place = config.endpoint ?? `AWS${config.region === undefined ? '' : ` (${config.region})`}`;
    throw fromStart(error, { bucket: config.bucket, place });
  }
}

/** A request whose answer, unlike that of HeadBucket, tells what is wrong. */
async function listOne({ name, prefix, requests }: Pick<Bucket, 'name' | 'prefix' | 'requests'>): Promise<void> {
  const input = { Bucket: name, Prefix: prefix, MaxKeys: 1 };
  await requests.run((client, sending) => client.send(new ListObjectsV2Command(input), sending));
}

async function headBucket(requests: Requests, bucket: string, deadlineMs?: number): Promise<void> {
  await requests.run((client, sending) => client.send(new HeadBucketCommand({ Bucket: bucket }), sending), {
    deadlineMs: Math.min(deadlineMs ?? Number.POSITIVE_INFINITY, requests.limits['retry-deadline']),
  });
}

/** Calls at the same time, and within a second, share one request. Rejects with `unavailable`. */
function cached(ask: () => Promise<void>): () => Promise<void> {
  let last: { at: number; answer: Promise<void> } | undefined;
  return () => {
    if (last !== undefined && performance.now() - last.at < CHECK_MS) return last.answer;
    const answer = ask().catch((error: unknown) => {
      const reason = isStoaError(error) ? error.message : String(error);
      throw new StoaError('unavailable', `the bucket does not answer: ${reason}`, { cause: error });
    });
    const mine = { at: performance.now(), answer };
    last = mine;
    answer.then(
      () => {
        mine.at = performance.now();
      },
      () => {
        // A failure counts for those who wait for it alone.
        if (last === mine) last = undefined;
      },
    );
    return answer;
  };
}

/** Marks a new store with the version of its layout, and refuses one of another. */
async function checkStamp({ name, prefix, requests, objectOptions }: Omit<Bucket, 'features' | 'check'>) {
  const target = { Bucket: name, Key: `${prefix}${STAMP}` };
  const stamp = await requests
    .run(async (client, sending) =>
      (await client.send(new GetObjectCommand(target), sending)).Body?.transformToString(),
    )
    .catch((error: unknown) => {
      if (hasCode(error, 'not-found')) return undefined;
      throw error;
    });
  if (stamp === undefined) {
    const Body = JSON.stringify({ format: FORMAT_VERSION });
    await requests.run((client, sending) =>
      client.send(
        new PutObjectCommand({ ...objectOptions, ...target, Body, ContentType: 'application/json' }),
        sending,
      ),
    );
    return;
  }
  const format = parseFormat(stamp);
  if (format === FORMAT_VERSION) return;
  throw new StoaError(
    'unsupported-version',
    `the blob store in the bucket "${name}" has format ${format ?? 'unknown'}, this version of Stoa reads ${FORMAT_VERSION}`,
  );
}

function parseFormat(text: string): number | undefined {
  try {
    const { format } = JSON.parse(text) as { format?: unknown };
    return typeof format === 'number' ? format : undefined;
  } catch {
    return undefined;
  }
}

function report(features: Bucket['features'], bucket: string, { logger }: DriverContext): void {
  if (!features.conditionalPut || !features.conditionalComplete)
    logger.warn(
      { bucket, ...features },
      'the S3 server does not honour If-None-Match: two that store a blob at the same time may both report that they did',
    );
  if (!features.batchDelete)
    logger.info({ bucket }, 'the S3 server has no DeleteObjects: blobs are deleted one by one');
}
