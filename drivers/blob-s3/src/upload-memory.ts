interface Waiting {
  octets: number;
  enter(): void;
}

/** The memory that all uploads of a store may hold together. Those for which there is none wait in the order they came. */
export class UploadMemory {
  readonly #limit: number;
  readonly #waiting = new Set<Waiting>();
  #free: number;

  constructor(octets: number) {
    this.#limit = octets;
    this.#free = octets;
  }

  /** Takes the octets, or the whole memory when they are more than that. Rejects with the signal's reason. */
  async take(octets: number, signal?: AbortSignal): Promise<void> {
    if (this.tryTake(octets)) return;
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        signal?.removeEventListener('abort', onAbort);
        this.#waiting.delete(waiting);
      };
      const waiting: Waiting = {
        octets: this.#charge(octets),
        enter: () => {
          leave();
          resolve();
        },
      };
      const onAbort = () => {
        leave();
        reject(signal?.reason);
        this.#admit();
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(waiting);
    });
  }

  /** Takes them if nobody has to wait for that. */
  tryTake(octets: number): boolean {
    const charge = this.#charge(octets);
    if (this.#waiting.size > 0 || charge > this.#free) return false;
    this.#free -= charge;
    return true;
  }

  give(octets: number): void {
    this.#free += this.#charge(octets);
    this.#admit();
  }

  #admit(): void {
    for (const waiting of this.#waiting) {
      if (waiting.octets > this.#free) return;
      this.#free -= waiting.octets;
      waiting.enter();
    }
  }

  #charge(octets: number): number {
    return Math.min(octets, this.#limit);
  }
}
