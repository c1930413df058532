import type { Implementation, storage } from '@stoa/contracts';
import { type BlobStore, hasCode, StoaError, toStoaError } from '@stoa/plugin-sdk';
import { blobKey, isBlobId } from './blob-key.ts';

/** Octets of one message of the stream. */
const CHUNK_BYTES = 64 * 1024;

/** Reads bodies from the blob store. */
export function blobService(blobs: BlobStore): Implementation<typeof storage.BlobServiceDefinition> {
  return {
    async *read(request, call) {
      for (let index = 0; index < request.ranges.length; index++) {
        const { blobId, start, end } = request.ranges[index]!;
        try {
          checkBlobId(blobId);
          // One chunk is held back, so that the last one can be told to be the last.
          let held: Uint8Array | undefined;
          const options = { start, end: end === 0 ? undefined : end, signal: call.signal };
          for await (const data of blobs.get(blobKey(blobId), options)) {
            for (let at = 0; at < data.length; at += CHUNK_BYTES) {
              if (held !== undefined) yield { index, data: held };
              held = data.subarray(at, at + CHUNK_BYTES);
            }
          }
          yield { index, data: held ?? new Uint8Array(), last: true };
        } catch (error) {
          if (call.signal.aborted || hasCode(error, 'cancelled')) throw error;
          yield { index, data: new Uint8Array(), last: true, errorCode: toStoaError(error).code };
        }
      }
    },

    async stat({ blobId }, call) {
      checkBlobId(blobId);
      const info = await blobs.head(blobKey(blobId), { signal: call.signal });
      if (info === undefined) throw new StoaError('not-found', 'no such body');
      return { size: info.size };
    },
  };
}

function checkBlobId(blobId: Uint8Array): void {
  if (!isBlobId(blobId)) throw new StoaError('invalid-argument', 'a blob id has 32 octets');
}
