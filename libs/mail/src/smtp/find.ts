/**
 * Where the character is at or after `at`; where it is not, a place behind every end. The decoders look for line ends in
 * the chunk as a latin1 string: V8 finds a character there three times as fast as in a Buffer, the copy included.
 */
export function find(text: string, character: string, at: number): number {
  const place = text.indexOf(character, at);
  return place < 0 ? Number.MAX_SAFE_INTEGER : place;
}
