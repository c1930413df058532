import { createHash } from 'node:crypto';
import type { RedisCommands } from '@stoa/redis';

/** A Lua script on one key. The server knows it by its hash, and is given its text when it does not. */
export class Script {
  readonly #text: string;
  readonly #hash: string;

  constructor(text: string) {
    this.#text = text;
    this.#hash = createHash('sha1').update(text).digest('hex');
  }

  async run(redis: RedisCommands, key: string, args: readonly (string | number | Buffer)[]): Promise<unknown> {
    try {
      return await redis.evalsha(this.#hash, 1, key, ...args);
    } catch (error) {
      // After a restart or a failover the server has forgotten it. Nothing of it was executed then.
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return redis.eval(this.#text, 1, key, ...args);
    }
  }
}

export const COMPARE_AND_SET = new Script(`
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
`);

/**
 * A key of this store without an end can only be one that INCRBY has just made. Beyond 2^53 Lua and JavaScript cannot
 * tell neighbouring integers apart, so the counter stays below; the client reads integers near it wrongly, so it gets text.
 */
export const INCREMENT = new Script(`
local sum = redis.call('INCRBY', KEYS[1], ARGV[1])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
if sum > 9007199254740991 or sum < -9007199254740991 then
  redis.call('DECRBY', KEYS[1], ARGV[1])
  return redis.error_reply('ERR increment or decrement would overflow')
end
return string.format('%.0f', sum)
`);
