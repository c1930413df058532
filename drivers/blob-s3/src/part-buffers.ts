/** The buffers of one upload: at most `count`, each used again when its part is uploaded. */
export class PartBuffers {
  readonly #size: number;
  readonly #free: Buffer[] = [];
  #unmade: number;
  #failure: { error: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(count: number, size: number) {
    this.#unmade = count;
    this.#size = size;
  }

  /** Waits until a buffer is free; rejects with the error of a part that failed. For one caller at a time. */
  async take(): Promise<Buffer> {
    for (;;) {
      this.throwIfFailed();
      const free = this.#free.pop();
      if (free !== undefined) return free;
      if (this.#unmade > 0) {
        this.#unmade -= 1;
        return Buffer.allocUnsafeSlow(this.#size);
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
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
}
