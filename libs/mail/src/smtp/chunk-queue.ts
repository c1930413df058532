/** Chunks as they came from the network, read from the front. */
export class ChunkQueue {
  #chunks: Buffer[] = [];
  #first = 0;
  /** Where the unread part of the first chunk begins. */
  at = 0;
  #length = 0;

  /** Octets not read yet. */
  get length(): number {
    return this.#length - this.at;
  }

  push(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** The first chunk; `at` lies before its end. */
  peek(): Buffer | undefined {
    return this.#chunks[this.#first];
  }

  /** Sets the place of the next octet in the first chunk, and drops the chunk at its end. */
  seek(at: number): void {
    const chunk = this.#chunks[this.#first]!;
    if (at < chunk.length) {
      this.at = at;
      return;
    }
    this.at = 0;
    this.#length -= chunk.length;
    this.#first++;
    if (this.#first === this.#chunks.length) this.#chunks = [];
    else if (this.#first < 32) return;
    else this.#chunks = this.#chunks.slice(this.#first);
    this.#first = 0;
  }

  /** All unread octets, after `before`; the queue is empty then. */
  take(before: Buffer = Buffer.alloc(0)): Buffer {
    const chunks = this.#chunks.slice(this.#first);
    if (this.at > 0) chunks[0] = chunks[0]!.subarray(this.at);
    this.#chunks = [];
    this.#first = 0;
    this.at = 0;
    this.#length = 0;
    if (before.length > 0) chunks.unshift(before);
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
  }
}
