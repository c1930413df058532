import { ListObjectsV2Command, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { type BlobInfo, type BlobListOptions, StoaError, throwIfCancelled } from '@stoa/plugin-sdk';
import type { Bucket } from './bucket.ts';
import { blobKey, nameAfter } from './keys.ts';

const BATCH = 1000;

/** The blobs in the order of their keys, a batch for each page of the server. */
export async function* listObjects(bucket: Bucket, options: BlobListOptions): AsyncGenerator<BlobInfo[]> {
  const { prefix = '', after, signal } = options;
  const first = after === undefined ? {} : { StartAfter: nameAfter(bucket.prefix, after) };
  let token: string | undefined;
  let previous = '';
  do {
    throwIfCancelled(signal);
    const input = {
      Bucket: bucket.name,
      Prefix: `${bucket.prefix}${prefix}`,
      MaxKeys: BATCH,
      ...(token === undefined ? first : { ContinuationToken: token }),
    };
    const page: ListObjectsV2CommandOutput = await bucket.requests.run(
      (client, sending) => client.send(new ListObjectsV2Command(input), sending),
      { signal },
    );
    const batch: BlobInfo[] = [];
    for (const { Key = '', Size = 0, LastModified } of page.Contents ?? []) {
      const key = blobKey(bucket.prefix, Key);
      if (key === undefined) continue;
      if (key <= previous) throw new StoaError('unimplemented', 'the S3 server does not list objects in order');
      previous = key;
      batch.push({ key, size: Size, modifiedAt: LastModified?.getTime() ?? 0 });
    }
    if (batch.length > 0) yield batch;
    if (page.IsTruncated && page.NextContinuationToken === undefined)
      throw new StoaError('unimplemented', 'the S3 server does not tell how to list on');
    token = page.IsTruncated ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
}
