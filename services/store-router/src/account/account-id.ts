import { randomBytes } from 'node:crypto';

const RANDOM_BITS = 22;

/** A new account id: 16 hexadecimal digits, 42 bits of milliseconds and 22 random ones, so that ids sort by time. */
export function newAccountId(now: number, random: Uint8Array = randomBytes(3)): string {
  const noise = ((random[0]! << 16) | (random[1]! << 8) | random[2]!) & ((1 << RANDOM_BITS) - 1);
  const id = (BigInt(now) << BigInt(RANDOM_BITS)) | BigInt(noise);
  return BigInt.asUintN(64, id).toString(16).padStart(16, '0');
}
