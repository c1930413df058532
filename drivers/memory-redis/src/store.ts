import {
  type CallOptions,
  type DriverContext,
  MAX_MEMORY_VALUE_BYTES,
  type MemoryKey,
  type MemorySetOptions,
  type MemoryStore,
  StoaError,
  throwIfCancelled,
} from '@stoa/plugin-sdk';
import {
  checkAtStart,
  describePlace,
  MasterFinder,
  openClient,
  type RedisClient,
  readSettings,
  redisError,
} from '@stoa/redis';
import type { Config } from './config.ts';
import { COMPARE_AND_SET, INCREMENT } from './script.ts';

/** Keys that one command deletes, and that a step of a scan looks at: bounds how long the server is held. */
const BATCH = 500;

class RedisMemoryStore implements MemoryStore {
  readonly #finder: MasterFinder;
  readonly #client: RedisClient;
  readonly #prefix: string;

  constructor(finder: MasterFinder, client: RedisClient) {
    this.#finder = finder;
    this.#client = client;
    this.#prefix = finder.settings.prefix;
  }

  async get(key: MemoryKey, options?: CallOptions): Promise<Uint8Array | undefined> {
    const value = await this.#client.run((redis) => redis.getBuffer(this.#prefix + key), options);
    return value === null ? undefined : new Uint8Array(value);
  }

  async set(key: MemoryKey, value: Uint8Array, options: MemorySetOptions): Promise<void> {
    const [octets, ttl] = [copyOf(value), wholeTtl(options)];
    await this.#client.run((redis) => redis.set(this.#prefix + key, octets, 'PX', ttl), options);
  }

  async add(key: MemoryKey, value: Uint8Array, options: MemorySetOptions): Promise<boolean> {
    const [octets, ttl] = [copyOf(value), wholeTtl(options)];
    const set = await this.#client.run((redis) => redis.set(this.#prefix + key, octets, 'PX', ttl, 'NX'), options);
    return set === 'OK';
  }

  async compareAndSet(
    key: MemoryKey,
    expected: Uint8Array,
    value: Uint8Array,
    options: MemorySetOptions,
  ): Promise<boolean> {
    const args = [copyOf(expected), copyOf(value), wholeTtl(options)];
    const set = await this.#client.run((redis) => COMPARE_AND_SET.run(redis, this.#prefix + key, args), options);
    return set === 1;
  }

  async increment(key: MemoryKey, delta: number, options: MemorySetOptions): Promise<number> {
    const args = [delta, wholeTtl(options)];
    return Number(await this.#client.run((redis) => INCREMENT.run(redis, this.#prefix + key, args), options));
  }

  async delete(keys: readonly MemoryKey[], options: CallOptions = {}): Promise<void> {
    throwIfCancelled(options.signal);
    await this.#unlink(
      keys.map((key) => this.#prefix + key),
      options,
    );
  }

  /** Looks at every key of every master; a key that comes meanwhile may stay. */
  async deletePrefix(prefix: string, options: CallOptions = {}): Promise<void> {
    throwIfCancelled(options.signal);
    const pattern = `${escapeGlob(this.#prefix + prefix)}*`;
    try {
      await this.#finder.withMasters(async (master) => {
        let cursor = '0';
        do {
          throwIfCancelled(options.signal);
          const [next, keys] = await master.scan(cursor, 'MATCH', pattern, 'COUNT', BATCH);
          await this.#unlink(keys, options);
          cursor = next;
        } while (cursor !== '0');
      });
    } catch (error) {
      throw redisError(error, { place: describePlace(this.#finder.settings) });
    }
  }

  /** A command may name keys of one slot only. */
  async #unlink(keys: readonly string[], options: CallOptions): Promise<void> {
    const groups = Map.groupBy(keys, (key) => this.#finder.groupOf(key));
    const commands: Promise<unknown>[] = [];
    for (const group of groups.values()) {
      for (let at = 0; at < group.length; at += BATCH) {
        const some = group.slice(at, at + BATCH);
        commands.push(this.#client.run((redis) => redis.unlink(...some), options));
      }
    }
    // All have ended before the call does, also when one fails.
    for (const result of await Promise.allSettled(commands)) if (result.status === 'rejected') throw result.reason;
  }

  async check(): Promise<void> {
    await this.#client.check();
  }

  async close(): Promise<void> {
    this.#client.close();
  }
}

/** What is written may leave the process later than the call returns. */
function copyOf(value: Uint8Array): Buffer {
  if (value.length > MAX_MEMORY_VALUE_BYTES)
    throw new StoaError('too-large', `a value has more than ${MAX_MEMORY_VALUE_BYTES} octets`);
  return Buffer.from(value);
}

function wholeTtl({ ttlMs }: MemorySetOptions): number {
  if (!(ttlMs >= 1 && ttlMs <= Number.MAX_SAFE_INTEGER))
    throw new StoaError('invalid-argument', 'a time to live is at least a millisecond');
  return Math.ceil(ttlMs);
}

function escapeGlob(text: string): string {
  return text.replace(/[\\*?[\]^-]/g, '\\$&');
}

export async function openRedisMemoryStore(config: Config, context: DriverContext): Promise<MemoryStore> {
  const finder = new MasterFinder(await readSettings(config, context));
  const probe = `${finder.settings.prefix}probe`;
  await checkAtStart(finder, finder.groupOf(probe), context.logger, async (redis) => {
    await redis.scan('0', 'MATCH', probe, 'COUNT', 1);
    await redis.set(probe, '1', 'PX', 1000);
    await COMPARE_AND_SET.run(redis, probe, ['1', '2', 1000]);
    await INCREMENT.run(redis, probe, [1, 1000]);
    await redis.getBuffer(probe);
    await redis.unlink(probe);
  });
  return new RedisMemoryStore(finder, openClient(finder, context.logger));
}
