/** The beginning of a line whose end has not come: grows by doubling, so that octets that come one by one cost no more. */
export class PartialLine {
  #bytes = Buffer.alloc(0);
  length = 0;

  append(bytes: Buffer): void {
    const length = this.length + bytes.length;
    if (length > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(256, length, Math.min(2 * this.#bytes.length, length + 65_536)));
      this.#bytes.copy(grown, 0, 0, this.length);
      this.#bytes = grown;
    }
    bytes.copy(this.#bytes, this.length);
    this.length = length;
  }

  /** A view, valid until the next call of append or clear. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.length);
  }

  /** Forgets the octets, and gives a buffer that was large back. */
  clear(): void {
    this.length = 0;
    if (this.#bytes.length > 4096) this.#bytes = Buffer.alloc(0);
  }
}
