import { hash } from 'node:crypto';
import { metrics } from '@opentelemetry/api';
import { type CallOptions, type MemoryStore, StoaError } from '@stoa/plugin-sdk';
import { clientNetwork, type Logger, SharedLimit } from '@stoa/service-kit';
import type { AuthConfig } from './config.ts';

export interface LoginLimitsOptions {
  memory: MemoryStore;
  config: AuthConfig;
  now(): number;
  logger: Logger;
  /** Tells all nodes that an address is blocked, with the network that counts as one client. */
  block(address: string, network: string, until: number): void;
}

/** Keys hold a hash: user names may have any characters, and are nobody's business. */
const digest = (...texts: string[]) => hash('sha256', texts.join('\0'), 'base64url').slice(0, 22);

/** How long the memory store may take. */
const TIMEOUT_MS = 1_000;
/** For how long it is left alone after it failed, so that logins do not wait for it one after the other. */
const PAUSE_MS = 1_000;
/** For how long earlier times of being refused are remembered. */
const MEMORY_MS = 24 * 3_600_000;

const PRESENT = Uint8Array.of(1);

/**
 * Counts failed logins per client network and per account in the memory store, so that all nodes count together. Who fails
 * too often is refused, each time for longer; who goes on is blocked. When the memory store cannot be asked, logins go on
 * and that is counted.
 */
export class LoginLimits {
  readonly #options: LoginLimitsOptions;
  #pausedUntil = 0;
  readonly #limit = new SharedLimit(TIMEOUT_MS, () => new StoaError('deadline-exceeded', 'the memory store is slow'));
  readonly #unlimited = metrics.getMeter('@stoa/service-store-router').createCounter('logins_not_limited', {
    description: 'Logins that went on although the memory store could not be asked.',
  });

  constructor(options: LoginLimitsOptions) {
    this.#options = options;
  }

  /** Rejects with `rate-limited` when the address or the account failed too often. `name`: canonical where it can be. */
  async check(address: string, name: string): Promise<void> {
    const network = clientNetwork(address);
    const allowed = await this.#ask(true, async (memory, options) => {
      const client = network === '' ? undefined : digest(network);
      const [blocked, clientLocked, accountLocked] = await Promise.all([
        client === undefined ? undefined : memory.get(`blocked/${client}`, options),
        client === undefined ? undefined : memory.get(`auth/locked/c/${client}`, options),
        memory.get(`auth/locked/a/${digest(name)}`, options),
      ]);
      if (blocked !== undefined || clientLocked !== undefined) return false;
      if (accountLocked === undefined) return true;
      // Strangers who guess do not keep the owner out.
      return network !== '' && (await memory.get(familiarKey(network, name), options)) !== undefined;
    });
    if (allowed) return;
    await this.#misuse(address, network);
    throw new StoaError('rate-limited', 'too many failed logins; try again later');
  }

  async failed(address: string, name: string): Promise<void> {
    const network = clientNetwork(address);
    const { config } = this.#options;
    await Promise.all([
      network === '' ? undefined : this.#count(`c/${digest(network)}`, config['max-failures-per-address']),
      this.#count(`a/${digest(name)}`, config['max-failures-per-account']),
      this.#misuse(address, network),
    ]);
  }

  async succeeded(address: string, name: string): Promise<void> {
    const network = clientNetwork(address);
    if (network === '') return;
    const ttlMs = this.#options.config['familiar-time'];
    await this.#ask(undefined, (memory, options) =>
      memory.set(familiarKey(network, name), PRESENT, { ...options, ttlMs }),
    );
  }

  /** Until when an address is blocked, in milliseconds since 1970-01-01 UTC; 0: it is not. */
  async blockedUntil(address: string): Promise<number> {
    const network = clientNetwork(address);
    if (network === '') return 0;
    const value = await this.#ask(undefined, (memory, options) => memory.get(`blocked/${digest(network)}`, options));
    return value === undefined ? 0 : Number(Buffer.from(value).toString('latin1')) || 0;
  }

  /** One more failure; the one that reaches the limit locks, and the count begins anew. */
  async #count(subject: string, limit: number): Promise<void> {
    const { config, now } = this.#options;
    await this.#ask(undefined, async (memory, options) => {
      const failures = await memory.increment(`auth/failed/${subject}`, 1, { ...options, ttlMs: config.window });
      if (failures < limit) return;
      const times = `auth/times/${subject}`;
      const before = await memory.increment(times, 0, { ...options, ttlMs: MEMORY_MS });
      const ttlMs = Math.min(config.lockout * 2 ** Math.min(before, 30), config['max-lockout']);
      const until = Buffer.from(String(now() + ttlMs));
      // Of several failures at once, one locks.
      if (!(await memory.add(`auth/locked/${subject}`, until, { ...options, ttlMs }))) return;
      await memory.increment(times, 1, { ...options, ttlMs: MEMORY_MS });
      await memory.delete([`auth/failed/${subject}`], options);
    });
  }

  /** Counts what an address should not do: fail, and go on while it is refused. */
  async #misuse(address: string, network: string): Promise<void> {
    if (network === '') return;
    const { config, now, block } = this.#options;
    const client = digest(network);
    await this.#ask(undefined, async (memory, options) => {
      const count = await memory.increment(`auth/misuse/${client}`, 1, { ...options, ttlMs: config.window });
      if (count < config['block-after']) return;
      const ttlMs = config['block-time'];
      const until = now() + ttlMs;
      if (!(await memory.add(`blocked/${client}`, Buffer.from(String(until)), { ...options, ttlMs }))) return;
      await memory.delete([`auth/misuse/${client}`], options);
      block(address, network, until);
    });
  }

  async #ask<T>(otherwise: T, run: (memory: MemoryStore, options: CallOptions) => Promise<T>): Promise<T> {
    const { memory, now, logger } = this.#options;
    if (now() < this.#pausedUntil) {
      this.#unlimited.add(1);
      return otherwise;
    }
    try {
      return await run(memory, { signal: this.#limit.signal });
    } catch (error) {
      this.#pausedUntil = now() + PAUSE_MS;
      this.#unlimited.add(1);
      logger.warn({ err: error }, 'the memory store cannot be asked; logins are not limited');
      return otherwise;
    }
  }
}

function familiarKey(network: string, name: string): string {
  return `auth/familiar/${digest(network, name)}`;
}
