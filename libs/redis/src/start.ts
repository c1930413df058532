import type { DriverLogger } from '@stoa/plugin-sdk';
import type { Redis } from 'ioredis';
import { redisError } from './errors.ts';
import type { MasterFinder } from './master.ts';
import { describePlace } from './settings.ts';

/**
 * Tries the connection to the master of a group once, and on it what the driver will do with keys or channels of it. Rejects with `invalid-configuration` when the server
 * refuses what no waiting mends: login, permissions, certificates, a database or master that is not there. When it
 * cannot be reached this is logged alone: a node starts while its Redis is away, and connects when it comes.
 */
export async function checkAtStart(
  finder: MasterFinder,
  group: number,
  logger: DriverLogger,
  trial: (redis: Redis) => Promise<unknown>,
): Promise<void> {
  const place = describePlace(finder.settings);
  let redis: Redis | undefined;
  try {
    redis = await finder.connect(group);
    await trial(redis);
  } catch (error) {
    const failure = redisError(error, { place, starting: true });
    if (!failure.retryable) throw failure;
    logger.error(
      { error: failure, place },
      'Redis cannot be reached: check its address, whether it runs, and whether it speaks TLS',
    );
  } finally {
    redis?.disconnect();
  }
}
