import { HeadObjectCommand, type HeadObjectCommandOutput } from '@aws-sdk/client-s3';
import { type CallOptions, hasCode } from '@stoa/plugin-sdk';
import type { Bucket } from './bucket.ts';

/** Metadata of an object that names the call of `put` that made it. */
const MAKER = 'stoa-put';

export function makerMetadata(maker: string): Record<string, string> {
  return { [MAKER]: maker };
}

/** Undefined for an absent object. */
export async function headObject(
  bucket: Bucket,
  name: string,
  { signal }: CallOptions = {},
): Promise<HeadObjectCommandOutput | undefined> {
  const input = { Bucket: bucket.name, Key: name };
  try {
    return await bucket.requests.run((client, options) => client.send(new HeadObjectCommand(input), options), {
      signal,
    });
  } catch (error) {
    if (!hasCode(error, 'not-found')) throw error;
    // The answer to HEAD does not tell whether the object or the whole bucket is absent.
    await bucket.check();
    return undefined;
  }
}

/** Who made the object: this call of `put`, another, or nobody. */
export async function findMaker(
  bucket: Bucket,
  name: string,
  maker: string,
  options: CallOptions,
): Promise<'own' | 'other' | undefined> {
  const found = await headObject(bucket, name, options);
  if (found === undefined) return undefined;
  return found.Metadata?.[MAKER] === maker ? 'own' : 'other';
}
