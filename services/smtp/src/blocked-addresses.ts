/** IP addresses that some node blocked, as the events told. */
export class BlockedAddresses {
  readonly #until = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** `until` in milliseconds since 1970-01-01 UTC; 0 lifts the block. */
  set(address: string, until: number): void {
    if (until <= this.#now()) this.#until.delete(address);
    else this.#until.set(address, until);
  }

  has(address: string): boolean {
    const until = this.#until.get(address);
    if (until === undefined) return false;
    if (until > this.#now()) return true;
    this.#until.delete(address);
    return false;
  }
}
