/** CRC-16/XMODEM, octet by octet: the hash of the Redis Cluster specification. */
const TABLE = Uint16Array.from({ length: 256 }, (_, octet) => {
  let crc = octet << 8;
  for (let bit = 0; bit < 8; bit += 1) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  return crc;
});

export const SLOTS = 16_384;

/** Hash slot of a key or shard channel: of what stands in its first braces, if anything does. */
export function slotOf(key: string): number {
  const open = key.indexOf('{');
  const close = open < 0 ? -1 : key.indexOf('}', open + 1);
  const hashed = close > open + 1 ? key.slice(open + 1, close) : key;
  let crc = 0;
  for (const octet of Buffer.from(hashed)) crc = ((crc << 8) ^ (TABLE[((crc >> 8) ^ octet) & 0xff] as number)) & 0xffff;
  return crc % SLOTS;
}
