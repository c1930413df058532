import type { Readable } from 'node:stream';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { type BlobGetOptions, cancellation, hasCode, StoaError } from '@stoa/plugin-sdk';
import type { Bucket } from './bucket.ts';
import { classify, fromS3, nameOf } from './errors.ts';
import { headObject } from './head.ts';

/** Streams a range of an object; a connection that breaks is replaced, and reading goes on where it stopped. */
export async function* readObject(
  bucket: Bucket,
  name: string,
  { start = 0, end = Number.POSITIVE_INFINITY, signal }: BlobGetOptions,
): AsyncGenerator<Uint8Array> {
  if (end <= start) {
    if ((await headObject(bucket, name, { signal })) === undefined) throw absent();
    return;
  }
  let position = start;
  // Attempts in a row that brought nothing.
  for (let barren = 0; ; ) {
    const part = await openRange(bucket, name, position, end, signal);
    if (part === undefined) {
      if (position > start) throw new StoaError('data-loss', 'a blob became shorter while it was read');
      return;
    }
    let broken: unknown;
    try {
      while (position < part.end) {
        let chunk: Uint8Array | undefined;
        try {
          chunk = await part.next();
        } catch (error) {
          broken = error;
          break;
        }
        if (chunk === undefined) break;
        position += chunk.length;
        barren = 0;
        yield chunk;
      }
    } finally {
      part.close();
    }
    if (position >= part.end) return;
    if (signal?.aborted) throw cancellation(signal);
    barren += 1;
    const { retry } = classify(broken);
    if (!retry || barren > bucket.requests.limits.retries) throw fromS3(broken);
  }
}

function absent(): StoaError {
  return new StoaError('not-found', 'there is no such blob');
}

interface OpenRange {
  /** One past the last octet that will come. */
  end: number;
  /** Undefined when the body is over. */
  next(): Promise<Uint8Array | undefined>;
  close(): void;
}

/** Undefined when the object has no octet of the range. */
async function openRange(
  bucket: Bucket,
  name: string,
  start: number,
  end: number,
  signal: AbortSignal | undefined,
): Promise<OpenRange | undefined> {
  const partial = start > 0 || end !== Number.POSITIVE_INFINITY;
  const last = end === Number.POSITIVE_INFINITY ? '' : String(end - 1);
  const input = { Bucket: bucket.name, Key: name, ...(partial ? { Range: `bytes=${start}-${last}` } : {}) };
  try {
    const { answer, close } = await bucket.requests.open(
      (client, sending) => client.send(new GetObjectCommand(input), sending),
      { signal },
    );
    const body = answer.Body as unknown as Readable;
    const closeAll = () => {
      // An error after this is nobody's.
      body.on('error', () => {});
      body.destroy();
      close();
    };
    if (partial && answer.ContentRange === undefined) {
      closeAll();
      throw new StoaError('unimplemented', 'the S3 server ignores ranges');
    }
    const idleMs = bucket.requests.limits['request-timeout'];
    return { end: start + (answer.ContentLength ?? 0), next: reader(body, idleMs), close: closeAll };
  } catch (error) {
    if (hasCode(error, 'out-of-range')) return undefined;
    if (!hasCode(error, 'not-found')) throw error;
    // A 404 that does not speak of the object may come from something on the way.
    if (nameOf(error.cause).startsWith('NoSuchKey')) throw absent();
    await bucket.check();
    throw absent();
  }
}

/** Reads chunk by chunk, each within the time. */
function reader(body: Readable, idleMs: number): () => Promise<Uint8Array | undefined> {
  const chunks = body.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array>;
  return async () => {
    const late = () => body.destroy(new StoaError('unavailable', `S3 sent nothing for ${idleMs} ms`));
    const timer = setTimeout(late, idleMs);
    try {
      const { done, value } = await chunks.next();
      return done ? undefined : value;
    } finally {
      clearTimeout(timer);
    }
  };
}
