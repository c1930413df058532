/** Octets of one message of a body. */
const PIECE_BYTES = 256 * 1024;

/** Parts of a chunk, each small enough for one message; none of an empty one. */
export function* pieces(chunk: Uint8Array): Generator<Uint8Array, void, undefined> {
  for (let at = 0; at < chunk.length; at += PIECE_BYTES) yield chunk.subarray(at, at + PIECE_BYTES);
}
