import { createHash } from 'node:crypto';
import { metrics } from '@opentelemetry/api';
import { type MemoryStore, StoaError } from '@stoa/plugin-sdk';
import type { Logger } from '@stoa/service-kit';
import type { AuthConfig } from './config.ts';

export interface LoginLimitsOptions {
  memory: MemoryStore;
  config: AuthConfig;
  now(): number;
  logger: Logger;
  /** Tells all nodes that an address is blocked. */
  block(address: string, until: number): void;
}

/** Keys hold a hash: user names may have any characters, and are nobody's business. */
const digest = (text: string) => createHash('sha256').update(text).digest('base64url');

/**
 * Counts failed logins per address and per account in the memory store, so that all nodes count together. When the memory
 * store cannot be asked, logins go on and that is counted.
 */
export class LoginLimits {
  readonly #options: LoginLimitsOptions;
  readonly #unlimited = metrics.getMeter('@stoa/service-store-router').createCounter('logins_not_limited', {
    description: 'Logins that went on although the memory store could not be asked.',
  });

  constructor(options: LoginLimitsOptions) {
    this.#options = options;
  }

  /** Rejects with `rate-limited` when the address or the account failed too often. */
  async check(address: string, username: string): Promise<void> {
    const { memory, config } = this.#options;
    const [blocked, byAddress, byAccount] = await this.#open([undefined, 0, 0] as const, () =>
      Promise.all([
        memory.get(this.#blockKey(address)),
        this.#count(this.#addressKey(address)),
        this.#count(this.#accountKey(username)),
      ]),
    );
    if (
      blocked !== undefined ||
      byAddress >= config['max-failures-per-address'] ||
      byAccount >= config['max-failures-per-account']
    ) {
      throw new StoaError('rate-limited', 'too many failed logins; try again later');
    }
  }

  async failed(address: string, username: string): Promise<void> {
    const { memory, config, now, block } = this.#options;
    const options = { ttlMs: config.window };
    const failures = await this.#open(0, async () => {
      const [count] = await Promise.all([
        memory.increment(this.#addressKey(address), 1, options),
        memory.increment(this.#accountKey(username), 1, options),
      ]);
      return count;
    });
    if (failures < config['block-after']) return;
    const until = now() + config['block-time'];
    const fresh = await this.#open(false, () =>
      memory.add(this.#blockKey(address), Buffer.from(String(until)), { ttlMs: config['block-time'] }),
    );
    if (fresh) block(address, until);
  }

  /** Counters hold their number in the driver's own form, so they are read by adding nothing. */
  #count(key: string): Promise<number> {
    return this.#options.memory.increment(key, 0, { ttlMs: this.#options.config.window });
  }

  #addressKey(address: string): string {
    return `auth/address/${digest(address)}`;
  }

  #accountKey(username: string): string {
    return `auth/account/${digest(username.toLowerCase().normalize('NFC'))}`;
  }

  #blockKey(address: string): string {
    return `blocked/${digest(address)}`;
  }

  async #open<T>(otherwise: T, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      this.#unlimited.add(1);
      this.#options.logger.warn({ error }, 'the memory store cannot be asked; logins are not limited');
      return otherwise;
    }
  }
}
