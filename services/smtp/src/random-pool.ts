import { randomFillSync } from 'node:crypto';

const POOL_OCTETS = 4096;

/**
 * Random octets for ids, from a pool: asked for a few at a time, the call to the generator costs more than what it gives. Each
 * octet is given out once.
 */
export function randomPool(fill: (pool: Buffer) => unknown = randomFillSync): (octets: number) => Buffer {
  const pool = Buffer.allocUnsafeSlow(POOL_OCTETS);
  let at = POOL_OCTETS;
  return (octets) => {
    if (octets > POOL_OCTETS) throw new RangeError(`at most ${POOL_OCTETS} octets at a time`);
    if (at + octets > POOL_OCTETS) {
      fill(pool);
      at = 0;
    }
    at += octets;
    const taken = Buffer.from(pool.subarray(at - octets, at));
    // Nobody is to find it here later.
    pool.fill(0, at - octets, at);
    return taken;
  };
}
