const EMPTY = Buffer.alloc(0);
const LINE_FEED = 0x0a;

/**
 * What a connection read and nobody took yet. Offsets count from its first octet. A chunk that comes when nothing is
 * left is used as it is; else octets are copied, each O(1) times. Octets handed out by `slice` never change afterwards.
 */
export class InputBuffer {
  #octets: Buffer = EMPTY;
  #start = 0;
  #end = 0;
  /** `#octets` was allocated here: what is behind `#end` is free. */
  #own = false;

  get length(): number {
    return this.#end - this.#start;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    const length = this.#end - this.#start;
    if (length === 0) {
      this.#octets = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
      this.#start = 0;
      this.#end = chunk.length;
      this.#own = false;
      return;
    }
    if (!this.#own || this.#octets.length - this.#end < chunk.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(2 * (length + chunk.length), 512));
      this.#octets.copy(larger, 0, this.#start, this.#end);
      this.#octets = larger;
      this.#start = 0;
      this.#end = length;
      this.#own = true;
    }
    this.#octets.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** Offset of the first line feed at or after `from`; -1 when there is none. */
  lineFeed(from: number): number {
    const start = this.#start + from;
    if (start >= this.#end) return -1;
    const found = this.#octets.subarray(start, this.#end).indexOf(LINE_FEED);
    return found < 0 ? -1 : from + found;
  }

  octet(at: number): number {
    return this.#octets[this.#start + at]!;
  }

  slice(from: number, to: number): Buffer {
    return this.#octets.subarray(this.#start + from, this.#start + to);
  }

  /** Takes away the first octets. */
  skip(count: number): void {
    this.#start += count;
    if (this.#start >= this.#end) {
      this.#octets = EMPTY;
      this.#start = 0;
      this.#end = 0;
    }
  }
}
