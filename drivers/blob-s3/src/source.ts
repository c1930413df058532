import { type BlobPutOptions, StoaError, throwIfCancelled } from '@stoa/plugin-sdk';

export type Source = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** The chunks of a source; rejects as soon as they are too many, at the end if they are too few, and on cancellation. */
export async function* checked(source: Source, { size, signal }: BlobPutOptions): AsyncGenerator<Uint8Array> {
  let seen = 0;
  throwIfCancelled(signal);
  for await (const chunk of source) {
    throwIfCancelled(signal);
    seen += chunk.length;
    if (seen > size) throw new StoaError('invalid-argument', `the source has more than the ${size} octets announced`);
    if (chunk.length > 0) yield chunk;
  }
  throwIfCancelled(signal);
  if (seen < size) throw new StoaError('invalid-argument', `the source has ${seen} octets, ${size} were announced`);
}

/** The whole source in memory. */
export async function gather(source: Source, options: BlobPutOptions): Promise<Buffer> {
  const whole = Buffer.allocUnsafe(options.size);
  let size = 0;
  for await (const chunk of checked(source, options)) {
    whole.set(chunk, size);
    size += chunk.length;
  }
  return whole;
}

/** Reads the source to its end for nothing but its check. */
export async function drain(source: Source, options: BlobPutOptions): Promise<void> {
  for await (const _ of checked(source, options));
}
