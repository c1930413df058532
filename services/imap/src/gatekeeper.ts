import type { Elsewhere } from '@stoa/service-kit';

export interface GatekeeperLimits {
  readonly maxConnections: number;
  readonly maxPerAddress: number;
}

/** Counts connections, and knows how many there may be. */
export class Gatekeeper {
  readonly #limits: () => GatekeeperLimits;
  readonly #byAddress = new Map<string, number>();
  #total = 0;

  /** `limits` are looked up at each connection: they may change. */
  constructor(limits: () => GatekeeperLimits) {
    this.#limits = limits;
  }

  get total(): number {
    return this.#total;
  }

  /** Why one more connection of an address is too many; undefined when it is not. `elsewhere`: those that count but are not here. */
  refuse(address: string, elsewhere: Elsewhere): string | undefined {
    const { maxConnections, maxPerAddress } = this.#limits();
    if (this.#total + elsewhere.total >= maxConnections) return 'Too many connections';
    const ofAddress = (this.#byAddress.get(address) ?? 0) + elsewhere.ofAddress;
    if (ofAddress >= maxPerAddress) return 'Too many connections from your address';
    return undefined;
  }

  enter(address: string): void {
    this.#total += 1;
    this.#byAddress.set(address, (this.#byAddress.get(address) ?? 0) + 1);
  }

  leave(address: string): void {
    this.#total -= 1;
    const left = (this.#byAddress.get(address) ?? 1) - 1;
    if (left === 0) this.#byAddress.delete(address);
    else this.#byAddress.set(address, left);
  }
}
