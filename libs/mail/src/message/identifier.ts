/** Message identifiers and boundaries. Randomness comes from the caller. */

/** Fewer random bytes could be met twice. */
const MIN_RANDOM = 12;

/** `<time.random@host>` (RFC 5322 section 3.6.4); `random`: 12 bytes or more, `host`: a domain name. */
export function formatMessageId(epochMs: number, random: Uint8Array, host: string): string {
  return `<${Math.floor(epochMs).toString(36)}.${token(random)}@${host}>`;
}

/** A boundary that encoded text cannot hold by chance, nor quoted-printable at all (RFC 2045 section 6.7, `=_`). */
export function formatBoundary(random: Uint8Array): string {
  return `=_${token(random)}`;
}

function token(random: Uint8Array): string {
  if (random.length < MIN_RANDOM) throw new RangeError(`At least ${MIN_RANDOM} random bytes are needed.`);
  return Buffer.from(random).toString('base64url');
}
