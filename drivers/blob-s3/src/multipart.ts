import { randomUUID } from 'node:crypto';
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { type BlobPutOptions, hasCode, StoaError, throwIfCancelled } from '@stoa/plugin-sdk';
import type { Bucket } from './bucket.ts';
import { findMaker, headObject, makerMetadata } from './head.ts';
import { PartBuffers } from './part-buffers.ts';
import { checked, drain, type Source } from './source.ts';

/** S3's own limit. */
const MOST_PARTS = 10_000;
const CLEANUP_MS = 5000;

/** Size of the parts: the configured one, larger where there would be too many. */
export function partSizeFor(size: number, configured: number): number {
  return Math.max(configured, Math.ceil(size / MOST_PARTS));
}

/**
 * Stores a blob in parts, of which few are in memory at a time. Nothing is to be seen before the last request. `cleanup`
 * gets what is to be done afterwards, which the caller need not wait for.
 */
export async function putMultipart(
  bucket: Bucket,
  name: string,
  source: Source,
  options: BlobPutOptions,
  cleanup: (work: Promise<void>) => void,
): Promise<{ created: boolean }> {
  const { signal } = options;
  if ((await headObject(bucket, name, { signal })) !== undefined) {
    await drain(source, options);
    return { created: false };
  }
  const upload = await MultipartUpload.start(bucket, name, signal);
  let created = false;
  try {
    await upload.send(source, options);
    created = await upload.complete();
  } finally {
    // What was not completed keeps its parts, and its price, until somebody aborts it.
    if (!created) cleanup(upload.abort());
  }
  return { created };
}

class MultipartUpload {
  readonly #bucket: Bucket;
  readonly #target: { Bucket: string; Key: string; UploadId: string };
  readonly #maker: string;
  readonly #signal: AbortSignal | undefined;
  readonly #parts: CompletedPart[] = [];
  readonly #uploads = new Set<Promise<void>>();
  readonly #stop = new AbortController();
  readonly #partSignal: AbortSignal;

  private constructor(bucket: Bucket, name: string, id: string, maker: string, signal: AbortSignal | undefined) {
    this.#bucket = bucket;
    this.#target = { Bucket: bucket.name, Key: name, UploadId: id };
    this.#maker = maker;
    this.#signal = signal;
    this.#partSignal = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal]);
  }

  static async start(bucket: Bucket, name: string, signal: AbortSignal | undefined): Promise<MultipartUpload> {
    const maker = randomUUID();
    const input = {
      ...bucket.objectOptions,
      Bucket: bucket.name,
      Key: name,
      ContentType: 'application/octet-stream',
      Metadata: makerMetadata(maker),
      ...(bucket.partChecksums ? { ChecksumAlgorithm: 'CRC32' as const } : {}),
    };
    const { UploadId: id } = await bucket.requests.run(
      (client, sending) => client.send(new CreateMultipartUploadCommand(input), sending),
      { signal },
    );
    if (id === undefined) throw new StoaError('unavailable', 'S3 answered without the id of an upload');
    return new MultipartUpload(bucket, name, id, maker, signal);
  }

  /** Fills and uploads part after part; resolves when all are there. */
  async send(source: Source, options: BlobPutOptions): Promise<void> {
    const size = partSizeFor(options.size, this.#bucket.partSize);
    const buffers = new PartBuffers(this.#bucket.partsInFlight, size, this.#bucket.uploadMemory);
    try {
      await this.#sendParts(source, options, buffers, size);
    } finally {
      if (this.#uploads.size > 0) await Promise.allSettled(this.#uploads);
      buffers.release();
    }
  }

  async #sendParts(source: Source, options: BlobPutOptions, buffers: PartBuffers, size: number): Promise<void> {
    let buffer: Buffer | undefined;
    let filled = 0;
    let number = 0;
    const sendPart = (full: Buffer, octets: number) => {
      number += 1;
      const upload = this.#sendPart(number, full.subarray(0, octets)).then(
        () => buffers.give(full),
        (error: unknown) => buffers.fail(error),
      );
      this.#uploads.add(upload);
      upload.finally(() => this.#uploads.delete(upload));
    };
    for await (const chunk of checked(source, options)) {
      for (let at = 0; at < chunk.length; ) {
        buffer ??= await buffers.take(this.#signal);
        const piece = chunk.subarray(at, at + size - filled);
        buffer.set(piece, filled);
        at += piece.length;
        filled += piece.length;
        if (filled < size) continue;
        sendPart(buffer, filled);
        [buffer, filled] = [undefined, 0];
      }
    }
    if (buffer !== undefined) sendPart(buffer, filled);
    await Promise.all(this.#uploads);
    buffers.throwIfFailed();
  }

  async #sendPart(number: number, body: Buffer): Promise<void> {
    const input = { ...this.#target, PartNumber: number, Body: body, ContentLength: body.length };
    const part = await this.#bucket.requests.run(
      (client, sending) => client.send(new UploadPartCommand(input), sending),
      { signal: this.#partSignal, octets: body.length },
    );
    const { ETag, ChecksumCRC32 } = part;
    const checksum = this.#bucket.partChecksums ? { ChecksumCRC32 } : {};
    this.#parts[number - 1] = { PartNumber: number, ETag, ...checksum };
  }

  /** Makes the object of the parts; whether it did, false when the key was taken meanwhile. */
  async complete(): Promise<boolean> {
    const [bucket, name, signal] = [this.#bucket, this.#target.Key, this.#signal];
    throwIfCancelled(signal);
    const conditional = bucket.features.conditionalComplete;
    if (!conditional && (await headObject(bucket, name, { signal })) !== undefined) return false;
    const input = {
      ...this.#target,
      MultipartUpload: { Parts: this.#parts },
      ...(conditional ? { IfNoneMatch: '*' } : {}),
    };
    try {
      await bucket.requests.run((client, sending) => client.send(new CompleteMultipartUploadCommand(input), sending), {
        signal,
      });
      return true;
    } catch (error) {
      // The answer to an attempt that completed it may have been lost; the upload is gone then.
      if (!hasCode(error, 'already-exists') && !hasCode(error, 'not-found') && !hasCode(error, 'conflict')) throw error;
      const maker = await findMaker(bucket, name, this.#maker, { signal });
      if (maker === undefined)
        throw new StoaError('unavailable', 'S3 lost the parts of an upload, or refused them for another', {
          cause: error,
        });
      return maker === 'own';
    }
  }

  /** Ends what is under way and frees the parts. Never rejects: the bucket's lifecycle rule removes what remains. */
  async abort(): Promise<void> {
    this.#stop.abort();
    // A part that arrives after the abort would stay.
    await Promise.allSettled(this.#uploads);
    await this.#bucket.requests
      .run((client, sending) => client.send(new AbortMultipartUploadCommand(this.#target), sending), {
        deadlineMs: CLEANUP_MS,
      })
      .catch(() => {});
  }
}
