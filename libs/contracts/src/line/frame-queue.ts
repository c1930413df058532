import type { Frame } from '../gen/stoa/rpc/v1/line.ts';

/**
 * Octets of messages after which a batch is closed. What is read of a batch may keep all of it in memory, so that batches are not much
 * larger than what is in them.
 */
const BATCH_OCTETS = 65_536;

/** Frames of one batch, at most. */
const BATCH_FRAMES = 512;

/** What is said on a line in one turn of the event loop, which leaves in one message, or in a few. */
export class FrameQueue {
  readonly #write: (frames: Frame[]) => boolean;
  #frames: Frame[] = [];
  #scheduled = false;
  /** The stream is full: what is said meanwhile waits for `drained`. */
  #full = false;
  #closed = false;
  #whenWritten: (() => void) | undefined;

  /** `write` says whether more may follow at once. */
  constructor(write: (frames: Frame[]) => boolean) {
    this.#write = write;
  }

  add(frame: Frame): void {
    if (this.#closed) return;
    this.#frames.push(frame);
    if (this.#scheduled || this.#full) return;
    this.#scheduled = true;
    setImmediate(this.#flush);
  }

  drained(): void {
    this.#full = false;
    this.#flush();
  }

  /** Calls back when all was written. What is added from here on is nobody's. */
  end(then: () => void): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#whenWritten = then;
    if (!this.#full) this.#flush();
  }

  /** There is nobody to write to any more. */
  drop(): void {
    this.#closed = true;
    this.#frames = [];
    this.#whenWritten = undefined;
  }

  readonly #flush = (): void => {
    this.#scheduled = false;
    while (this.#frames.length > 0 && !this.#full) this.#full = !this.#write(this.#batch());
    if (this.#frames.length > 0) return;
    this.#whenWritten?.();
    this.#whenWritten = undefined;
  };

  #batch(): Frame[] {
    let octets = 0;
    let count = 0;
    for (const { messages } of this.#frames) {
      for (const message of messages) octets += message.length;
      count += 1;
      if (octets >= BATCH_OCTETS || count === BATCH_FRAMES) break;
    }
    if (count < this.#frames.length) return this.#frames.splice(0, count);
    const all = this.#frames;
    this.#frames = [];
    return all;
  }
}
