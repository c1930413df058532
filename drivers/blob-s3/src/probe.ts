import { randomUUID } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  PutObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { isStoaError } from '@stoa/plugin-sdk';
import type { Bucket, Features } from './bucket.ts';

const WRITERS = 4;

type Target = { Bucket: string; Key: string };

/**
 * Finds out what the server can by doing it, since some take `If-None-Match` and ignore it. Objects of its own, under
 * names that no blob has; it also shows that the key may write and delete.
 */
export async function probe(bucket: Omit<Bucket, 'features' | 'check'>): Promise<Features> {
  const target = { Bucket: bucket.name, Key: `${bucket.prefix}stoa-probe/${randomUUID()}` };
  const conditionalPut = await probePut(bucket, target);
  try {
    const conditionalComplete = conditionalPut && (await probeComplete(bucket, target));
    return { conditionalPut, conditionalComplete, batchDelete: await probeBatchDelete(bucket, target) };
  } finally {
    await bucket.requests
      .run((client, sending) => client.send(new DeleteObjectCommand(target), sending))
      .catch(() => {});
  }
}

type Probed = Pick<Bucket, 'requests' | 'objectOptions'>;

/** Whether of several that put one key at a time, and one that puts it later, one succeeds. The object is there afterwards. */
async function probePut({ requests, objectOptions }: Probed, target: Target): Promise<boolean> {
  const put = (condition: object) =>
    requests.run((client, sending) =>
      client.send(new PutObjectCommand({ ...objectOptions, ...target, ...condition, Body: randomUUID() }), sending),
    );
  let repeated = false;
  const create = () =>
    requests
      .run(
        (client, sending) =>
          client.send(
            new PutObjectCommand({ ...objectOptions, ...target, IfNoneMatch: '*', Body: randomUUID() }),
            sending,
          ),
        {
          onRetry: () => {
            repeated = true;
          },
        },
      )
      .then(
        () => 'created' as const,
        (error: unknown) => refusal(error),
      );
  const outcomes = [...(await Promise.all(Array.from({ length: WRITERS }, create))), await create()];
  const created = outcomes.filter((outcome) => outcome === 'created').length;
  // A winner whose answer was lost, and who tried again, takes itself for a loser.
  if (outcomes.every((outcome) => outcome !== 'unsupported') && (created === 1 || (created === 0 && repeated)))
    return true;
  await put({});
  return false;
}

/** The same for CompleteMultipartUpload, on a key that is taken. */
async function probeComplete({ requests, objectOptions }: Probed, target: Target): Promise<boolean> {
  const { UploadId } = await requests.run((client, sending) =>
    client.send(new CreateMultipartUploadCommand({ ...objectOptions, ...target }), sending),
  );
  const upload = { ...target, UploadId };
  const { ETag } = await requests.run((client, sending) =>
    client.send(new UploadPartCommand({ ...upload, PartNumber: 1, Body: 'probe' }), sending),
  );
  const complete = { ...upload, IfNoneMatch: '*', MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] } };
  const outcome = await requests
    .run((client, sending) => client.send(new CompleteMultipartUploadCommand(complete), sending))
    .then(
      () => 'created' as const,
      (error: unknown) => refusal(error),
    );
  if (outcome !== 'created')
    await requests
      .run((client, sending) => client.send(new AbortMultipartUploadCommand(upload), sending))
      .catch(() => {});
  return outcome === 'refused';
}

async function probeBatchDelete({ requests }: Probed, { Bucket, Key }: Target): Promise<boolean> {
  try {
    const { Errors = [] } = await requests.run((client, sending) =>
      client.send(new DeleteObjectsCommand({ Bucket, Delete: { Quiet: true, Objects: [{ Key }] } }), sending),
    );
    return Errors.length === 0;
  } catch (error) {
    if (isUnsupported(error)) return false;
    throw error;
  }
}

/** What an error says of the condition: that it does not hold, or that the server knows none. */
function refusal(error: unknown): 'refused' | 'unsupported' {
  if (isStoaError(error) && (error.code === 'already-exists' || error.code === 'conflict')) return 'refused';
  if (isUnsupported(error)) return 'unsupported';
  throw error;
}

/** Servers answer 501, 405 or 400 to what they do not know. */
function isUnsupported(error: unknown): boolean {
  if (!isStoaError(error)) return false;
  const status = (error.cause as { $metadata?: { httpStatusCode?: number } } | undefined)?.$metadata?.httpStatusCode;
  return error.code === 'unimplemented' || status === 400;
}
