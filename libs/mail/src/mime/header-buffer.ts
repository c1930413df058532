/** Gathers a header that comes in chunks, up to limits; one that lies in a single chunk is not copied. */
export class HeaderBuffer {
  private store = Buffer.alloc(0);
  private length = 0;
  private readonly limit: number;
  private remaining: number;

  /** `limit`: bytes of one header, `total`: of all headers together. What is beyond is dropped. */
  constructor(limit: number, total: number) {
    this.limit = limit;
    this.remaining = total;
  }

  append(chunk: Buffer, from: number, to: number): void {
    const size = Math.min(to - from, this.room);
    if (size <= 0) return;
    if (this.length + size > this.store.length) {
      const grown = Buffer.allocUnsafe(Math.max(1024, this.length + size, this.store.length * 2));
      this.store.copy(grown, 0, 0, this.length);
      this.store = grown;
    }
    chunk.copy(this.store, this.length, from, from + size);
    this.length += size;
    this.remaining -= size;
  }

  /** The header, ended by these bytes. It is valid until the next `append`. */
  take(chunk: Buffer, from: number, to: number): Buffer {
    if (this.length === 0) {
      const size = Math.max(0, Math.min(to - from, this.room));
      this.remaining -= size;
      return chunk.subarray(from, from + size);
    }
    this.append(chunk, from, to);
    const header = this.store.subarray(0, this.length);
    this.length = 0;
    return header;
  }

  private get room(): number {
    return Math.min(this.limit - this.length, this.remaining);
  }
}
