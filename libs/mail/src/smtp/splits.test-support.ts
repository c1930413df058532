import fc from 'fast-check';

/** Ways to cut octets into chunks: lengths, used in turn. */
export const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 });

export function split(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const end = Math.min(bytes.length, at + lengths[i % lengths.length]!);
    // Each chunk has its own memory, as from a socket.
    chunks.push(Buffer.from(bytes.subarray(at, end)));
    at = end;
  }
  return chunks;
}

const octet = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));

/** Octets, as a latin1 string, made of the pieces that matter to a grammar, with anything between them. */
export function soup(...pieces: string[]): fc.Arbitrary<string> {
  const piece = fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...pieces) },
    { weight: 1, arbitrary: fc.string({ maxLength: 6, unit: octet }) },
  );
  return fc.array(piece, { maxLength: 30 }).map((parts) => parts.join(''));
}
