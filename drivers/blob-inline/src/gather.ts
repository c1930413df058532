import { type BlobPutOptions, StoaError, throwIfCancelled } from '@stoa/plugin-sdk';

/** The whole content of a source. Rejects with `invalid-argument` when it has not as many octets as were announced. */
export async function gather(
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { size, signal }: BlobPutOptions,
): Promise<Uint8Array> {
  // Copied at once: a source may use the memory of a chunk again for the next.
  const content = Buffer.allocUnsafe(size);
  let octets = 0;
  for await (const chunk of source) {
    throwIfCancelled(signal);
    if (octets + chunk.length > size) {
      throw new StoaError('invalid-argument', `the source has more than the ${size} octets announced`);
    }
    content.set(chunk, octets);
    octets += chunk.length;
  }
  if (octets < size) throw new StoaError('invalid-argument', `the source has ${octets} octets, ${size} were announced`);
  return content;
}
