import type { UploadMemory } from './upload-memory.ts';

/**
 * The buffers of one upload: at most `count`, each used again when its part is uploaded. The first waits until the store has
 * memory for it; further ones are made only if there is, since two uploads that waited for each other would never end.
 */
export class PartBuffers {
  readonly #size: number;
  readonly #free: Buffer[] = [];
  readonly #count: number;
  readonly #memory: UploadMemory;
  #made = 0;
  #failure: { error: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(count: number, size: number, memory: UploadMemory) {
    this.#count = count;
    this.#size = size;
    this.#memory = memory;
  }

  /** Waits until a buffer is free; rejects with the error of a part that failed. For one caller at a time. */
  async take(signal?: AbortSignal): Promise<Buffer> {
    if (this.#made === 0) {
      await this.#memory.take(this.#size, signal);
      return this.#make();
    }
    for (;;) {
      this.throwIfFailed();
      const free = this.#free.pop();
      if (free !== undefined) return free;
      if (this.#made < this.#count && this.#memory.tryTake(this.#size)) return this.#make();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #make(): Buffer {
    this.#made += 1;
    return Buffer.allocUnsafeSlow(this.#size);
  }

  give(buffer: Buffer): void {
    this.#free.push(buffer);
    this.#wake?.();
  }

  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake?.();
  }

  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Gives the memory back, when no part is under way any more. */
  release(): void {
    for (; this.#made > 0; this.#made -= 1) this.#memory.give(this.#size);
  }
}
