import { DeleteObjectCommand, DeleteObjectsCommand } from '@aws-sdk/client-s3';
import { type CallOptions, hasCode } from '@stoa/plugin-sdk';
import type { Bucket } from './bucket.ts';
import { classify } from './errors.ts';

/** S3's own limit. */
const MOST_KEYS = 1000;
const BATCHES_AT_ONCE = 4;
const SINGLES_AT_ONCE = 32;

/** Deletes the objects; absent ones are no error. */
export async function deleteObjects(bucket: Bucket, names: readonly string[], options: CallOptions): Promise<void> {
  if (names.length === 1 || !bucket.features.batchDelete) {
    await eachOf(names, SINGLES_AT_ONCE, (name) => deleteOne(bucket, name, options));
    return;
  }
  const batches: string[][] = [];
  for (let at = 0; at < names.length; at += MOST_KEYS) batches.push(names.slice(at, at + MOST_KEYS));
  await eachOf(batches, BATCHES_AT_ONCE, (batch) => deleteBatch(bucket, batch, options));
}

async function deleteOne(bucket: Bucket, name: string, { signal }: CallOptions): Promise<void> {
  const input = { Bucket: bucket.name, Key: name };
  try {
    await bucket.requests.run((client, sending) => client.send(new DeleteObjectCommand(input), sending), { signal });
  } catch (error) {
    if (!hasCode(error, 'not-found')) throw error;
    // Some servers say so of an absent object; others may of an absent bucket.
    await bucket.check();
  }
}

/** Answers with success, and an error for each key that it could not delete: those are tried again. */
async function deleteBatch(bucket: Bucket, names: readonly string[], { signal }: CallOptions): Promise<void> {
  let left = names;
  await bucket.requests.run(
    async (client, sending) => {
      const Delete = { Quiet: true, Objects: left.map((Key) => ({ Key })) };
      const { Errors = [] } = await client.send(new DeleteObjectsCommand({ Bucket: bucket.name, Delete }), sending);
      const failed = Errors.map(({ Code = 'Unknown', Message = '', Key = '' }) => ({
        key: Key,
        error: Object.assign(new Error(Message), { name: Code }),
      })).filter(({ error }) => classify(error).code !== 'not-found');
      left = failed.map(({ key }) => key);
      const worst = failed.find(({ error }) => !classify(error).retry) ?? failed[0];
      if (worst !== undefined) throw worst.error;
    },
    { signal },
  );
}

/** Works on all items, so many at a time; waits for all under way, then rejects with the first error. */
async function eachOf<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  let failure: { error: unknown } | undefined;
  const worker = async () => {
    for (const item of rest) {
      if (failure !== undefined) return;
      await work(item).catch((error: unknown) => {
        failure ??= { error };
      });
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  if (failure !== undefined) throw failure.error;
}
