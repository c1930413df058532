/**
 * Notices a bus that takes messages and brings none. A bus brings this node's own heartbeats too; when one that did so stays
 * silent for too long, nothing of other nodes comes either, whatever the state of the connection says.
 */
export class EchoWatch {
  readonly #limitMs: number;
  /** When the last echo was heard, or from when one may be expected. Undefined until the first: a bus may not bring any. */
  #since: number | undefined;
  #silent = false;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  get silent(): boolean {
    return this.#silent;
  }

  /** An own heartbeat came back. Returns whether the bus was silent until now. */
  heard(now: number): boolean {
    const wasSilent = this.#silent;
    this.#silent = false;
    this.#since = now;
    return wasSilent;
  }

  /** Time before now does not count: the connection was made just now, or this process stood still. */
  expectFrom(now: number): void {
    this.#silent = false;
    if (this.#since !== undefined) this.#since = now;
  }

  /** Returns whether the bus fell silent with this look. */
  look(now: number): boolean {
    if (this.#silent || this.#since === undefined || now - this.#since < this.#limitMs) return false;
    this.#silent = true;
    return true;
  }
}
