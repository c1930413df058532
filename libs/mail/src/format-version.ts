/** Bits of a version octet that number the revision; those above number the generation. */
const REVISION_BITS = 4;

/**
 * Whether bytes of a version can be read by code that knows `known`. Revisions of one generation differ only by what they
 * append, which older code passes over; 0 is no version.
 */
export function isReadable(version: number, known: number): boolean {
  return version !== 0 && version >> REVISION_BITS === known >> REVISION_BITS;
}
