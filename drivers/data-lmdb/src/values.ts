/** Octets of the second slab of a read; each further one is twice as large, up to the largest. The first has its one value. */
const SECOND_SLAB = 1024;
const LARGEST_SLAB = 64 * 1024;
/** Larger values have memory of their own. */
const SHARED_VALUE = 16 * 1024;

/**
 * Copies keys and values out of the buffers of lmdb-js, which its next read overwrites. By itself it copies with
 * `Uint8Array.prototype.slice`, which gives each an ArrayBuffer of its own: for some hundred octets that costs ten times as
 * much as here (docs/performance/huge-mailbox.md). What is of one read lies side by side in slabs that grow with it,
 * so that a value that is kept for long holds little more than itself and its neighbours.
 */
export class Values {
  #slab = Buffer.alloc(0);
  #at = 0;
  #size = 0;

  /** To be called at the start of a read: its values share no memory with those before. */
  begin(): void {
    this.#slab = Buffer.alloc(0);
    this.#at = 0;
    this.#size = 0;
  }

  /** Octets `from` to `to` (not included). */
  copy(bytes: Uint8Array, from: number, to: number): Buffer {
    const size = to - from;
    if (size > SHARED_VALUE) {
      const own = Buffer.allocUnsafeSlow(size);
      Buffer.prototype.copy.call(bytes, own, 0, from, to);
      return own;
    }
    if (this.#at + size > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(Math.max(this.#size, size));
      this.#at = 0;
      this.#size = this.#size === 0 ? SECOND_SLAB : Math.min(this.#size * 2, LARGEST_SLAB);
    }
    const at = this.#at;
    Buffer.prototype.copy.call(bytes, this.#slab, at, from, to);
    this.#at += size;
    return this.#slab.subarray(at, this.#at);
  }
}

/** Options of lmdb-js by which keys and values are octets, copied like this. */
export function octetsBy(values: Values) {
  return {
    encoding: 'binary',
    encoder: {
      encode: (value: Uint8Array) => value,
      decode: (bytes: Uint8Array, size: number) => values.copy(bytes, 0, size),
    },
    keyEncoder: {
      writeKey(key: Uint8Array, target: Uint8Array, start: number): number {
        target.set(key, start);
        return start + key.length;
      },
      readKey: (target: Uint8Array, start: number, end: number) => values.copy(target, start, end),
    },
  } as const;
}
