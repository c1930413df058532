export interface GatekeeperLimits {
  maxConnections: number;
  maxPerAddress: number;
}

/** Who may connect: counts connections, and knows the addresses that some node blocked. */
export class Gatekeeper {
  readonly #limits: GatekeeperLimits;
  readonly #now: () => number;
  readonly #byAddress = new Map<string, number>();
  readonly #blockedUntil = new Map<string, number>();
  #total = 0;

  constructor(limits: GatekeeperLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  get total(): number {
    return this.#total;
  }

  /** Why an address may not connect now; undefined when it may. */
  refuse(address: string): string | undefined {
    if ((this.#blockedUntil.get(address) ?? 0) > this.#now()) return 'Your address is blocked';
    if (this.#total >= this.#limits.maxConnections) return 'Too many connections';
    if ((this.#byAddress.get(address) ?? 0) >= this.#limits.maxPerAddress)
      return 'Too many connections from your address';
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

  /** `until` in milliseconds since 1970-01-01 UTC; 0 lifts the block. */
  block(address: string, until: number): void {
    const now = this.#now();
    for (const [known, end] of this.#blockedUntil) if (end <= now) this.#blockedUntil.delete(known);
    if (until > now) this.#blockedUntil.set(address, until);
    else this.#blockedUntil.delete(address);
  }
}
