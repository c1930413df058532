import { type Implementation, type storage, whole } from '@stoa/contracts';
import { type BlobStore, hasCode, StoaError, toStoaError } from '@stoa/plugin-sdk';
import { blobKey, isBlobId } from './blob-key.ts';

/** Octets of one chunk of a range. */
const CHUNK_BYTES = 64 * 1024;
/** Small bodies that are read from the store together. */
const READ_TOGETHER = 64;
/** Octets of one message of the stream, from which on no more is added to it. */
const GROUP_BYTES = 256 * 1024;

type Response = { index?: number; data?: Uint8Array; last?: boolean; errorCode?: string; pieces?: storage.BlobPiece[] };

const NOTHING = new Uint8Array();

/** Reads bodies from the blob store. */
export function blobService(blobs: BlobStore): Implementation<typeof storage.BlobServiceDefinition> {
  return {
    async *read({ ranges, together }, { signal }) {
      const step = together && blobs.getSmall !== undefined ? READ_TOGETHER : 1;
      for (let from = 0; from < ranges.length; from += step) {
        const some = ranges.slice(from, from + step);
        const small = step === 1 ? [] : await readSmall(blobs, some, signal);
        const group = new Group();
        for (let i = 0; i < some.length; i++) {
          const content = small[i];
          if (content !== undefined) group.add(from + i, some[i]!, content);
          if (group.pieces.length > 0 && (content === undefined || group.octets >= GROUP_BYTES)) yield group.take();
          if (content === undefined) yield* readOne(blobs, from + i, some[i]!, signal);
        }
        if (group.pieces.length > 0) yield group.take();
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

/** Pieces of ranges that leave as one message of the stream. */
class Group {
  pieces: storage.BlobPiece[] = [];
  octets = 0;

  add(index: number, { start, end }: storage.BlobRange, content: Uint8Array): void {
    const data = content.subarray(start, end === 0 ? undefined : end);
    this.pieces.push({ index, data, last: true, errorCode: '' });
    this.octets += data.length;
  }

  take(): Response {
    const { pieces } = this;
    this.pieces = [];
    this.octets = 0;
    return whole<storage.ReadResponse>({ index: 0, data: NOTHING, last: false, errorCode: '', pieces });
  }
}

/** The contents of small bodies with one call of the store. What it cannot tell is read one by one, which tells why. */
async function readSmall(
  blobs: BlobStore,
  ranges: readonly storage.BlobRange[],
  signal: AbortSignal,
): Promise<readonly (Uint8Array | undefined)[]> {
  if (!ranges.every(({ blobId }) => isBlobId(blobId))) return [];
  try {
    return (
      (await blobs.getSmall?.(
        ranges.map(({ blobId }) => blobKey(blobId)),
        { signal },
      )) ?? []
    );
  } catch (error) {
    if (signal.aborted || hasCode(error, 'cancelled')) throw error;
    return [];
  }
}

async function* readOne(
  blobs: BlobStore,
  index: number,
  { blobId, start, end }: storage.BlobRange,
  signal: AbortSignal,
): AsyncGenerator<Response> {
  try {
    checkBlobId(blobId);
    // One chunk is held back, so that the last one can be told to be the last.
    let held: Uint8Array | undefined;
    const options = { start, end: end === 0 ? undefined : end, signal };
    for await (const data of blobs.get(blobKey(blobId), options)) {
      for (let at = 0; at < data.length; at += CHUNK_BYTES) {
        if (held !== undefined) yield { index, data: held };
        held = data.subarray(at, at + CHUNK_BYTES);
      }
    }
    yield { index, data: held ?? new Uint8Array(), last: true };
  } catch (error) {
    if (signal.aborted || hasCode(error, 'cancelled')) throw error;
    yield { index, data: new Uint8Array(), last: true, errorCode: toStoaError(error).code };
  }
}

function checkBlobId(blobId: Uint8Array): void {
  if (!isBlobId(blobId)) throw new StoaError('invalid-argument', 'a blob id has 32 octets');
}
