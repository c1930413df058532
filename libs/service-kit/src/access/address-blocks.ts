import { metrics } from '@opentelemetry/api';
import { toStoaError } from '@stoa/plugin-sdk';
import type { Logger } from '../telemetry/logger.ts';
import { clientNetwork } from './client-network.ts';

export interface AddressBlocksOptions {
  /** Until when an address is blocked, in milliseconds since 1970-01-01 UTC; 0: it is not. DirectoryService.CheckAddress. */
  check(address: string, timeoutMs: number): Promise<number>;
  logger: Logger;
  /** Milliseconds since 1970-01-01 UTC. */
  now(): number;
  /** Networks that are remembered, at most; beyond it the first that were learnt are forgotten and asked for again. */
  limit?: number;
}

/** How long it is believed that a network is not blocked. What blocks it is told by an event as well; the shorter way wins. */
const FREE_MS = 2_000;
/** A client waits so long for its greeting, at most. */
const CHECK_TIMEOUT_MS = 1_000;
/** For how long nobody is asked for after a check failed, so that clients do not wait for it one after the other. */
const PAUSE_MS = 1_000;
const LIMIT = 50_000;

interface Known {
  blocked: boolean;
  until: number;
}

/**
 * Who is blocked in the cluster, as a listener of one process knows it: from events, and for networks that it did not hear
 * of from the router, since a block may be older than this process. When the router cannot be asked, clients are let in, and
 * that is counted.
 */
export class AddressBlocks {
  readonly #options: AddressBlocksOptions;
  readonly #limit: number;
  readonly #known = new Map<string, Known>();
  readonly #asking = new Map<string, Promise<boolean>>();
  readonly #failures = metrics.getMeter('@stoa/service-kit').createCounter('address_checks_failed', {
    description: 'Connections that were let in because it could not be asked whether their address is blocked.',
  });
  #pausedUntil = 0;
  /** Grows with every event and gap: an answer that was asked for before is not kept. */
  #generation = 0;

  constructor(options: AddressBlocksOptions) {
    this.#options = options;
    this.#limit = options.limit ?? LIMIT;
  }

  /** An event told that an address is blocked, with all of its network; `until` 0: it is not any more. */
  set(address: string, network: string, until: number): void {
    const key = network === '' ? clientNetwork(address) : network;
    if (key === '') return;
    const now = this.#options.now();
    this.#generation += 1;
    this.#keep(key, until > now ? { blocked: true, until } : { blocked: false, until: now + FREE_MS });
  }

  /** Events may have been lost: everybody is asked for anew. */
  forget(): void {
    this.#generation += 1;
    this.#known.clear();
  }

  /** Whether a client is blocked: at once where that is known. Never rejects. */
  isBlocked(address: string): boolean | Promise<boolean> {
    const network = clientNetwork(address);
    if (network === '') return false;
    const now = this.#options.now();
    const known = this.#known.get(network);
    if (known !== undefined && known.until > now) return known.blocked;
    if (now < this.#pausedUntil) {
      this.#failures.add(1);
      return false;
    }
    let asking = this.#asking.get(network);
    if (asking === undefined) {
      asking = this.#ask(address, network).finally(() => this.#asking.delete(network));
      this.#asking.set(network, asking);
    }
    return asking;
  }

  async #ask(address: string, network: string): Promise<boolean> {
    const { check, logger, now } = this.#options;
    const generation = this.#generation;
    let until: number;
    try {
      until = await check(address, CHECK_TIMEOUT_MS);
    } catch (error) {
      this.#failures.add(1);
      if (this.#pausedUntil <= now())
        logger.warn({ error: toStoaError(error) }, 'addresses are not checked for a block');
      this.#pausedUntil = now() + PAUSE_MS;
      return false;
    }
    if (generation === this.#generation) {
      this.#keep(network, until > now() ? { blocked: true, until } : { blocked: false, until: now() + FREE_MS });
      return until > now();
    }
    // What an event told meanwhile is newer than the answer.
    const known = this.#known.get(network);
    return known !== undefined && known.until > now() ? known.blocked : until > now();
  }

  #keep(network: string, known: Known): void {
    this.#known.delete(network);
    if (this.#known.size >= this.#limit) this.#prune();
    this.#known.set(network, known);
  }

  /** Forgets what is over; where that is too little, what was learnt first, free networks before blocked ones. */
  #prune(): void {
    const now = this.#options.now();
    const aim = Math.floor(this.#limit * 0.9);
    for (const [network, { until }] of this.#known) if (until <= now) this.#known.delete(network);
    for (const wanted of [false, true]) {
      for (const [network, { blocked }] of this.#known) {
        if (this.#known.size <= aim) return;
        if (blocked === wanted) this.#known.delete(network);
      }
    }
  }
}
