import type { Client, storage } from '@stoa/contracts';
import { type ErrorCode, StoaError } from '@stoa/plugin-sdk';

export interface WantedRange {
  blobId: Uint8Array;
  start: number;
  /** One past the last octet; more than `start`. */
  end: number;
}

/** A client takes its time to read what is streamed to it. */
const READ_TIMEOUT_MS = 10 * 60_000;

/**
 * Reads ranges of blobs in their order from one stream, piece by piece as they are written to the client.
 */
export class BodyReader {
  readonly #stream: AsyncIterator<storage.ReadResponse> | undefined;
  /** Pieces that came together, and the one that is read. */
  #pieces: readonly storage.BlobPiece[] = [];
  #next = 0;
  /** The octets of that one were handed over; only whether it is the last of its range is still to be told. */
  #handedOver = false;
  #index = -1;
  readonly #ranges: number;
  /** The last piece of the last range has come. */
  #complete = false;

  constructor(
    blobs: Client<typeof storage.BlobServiceDefinition>,
    ranges: readonly WantedRange[],
    signal: AbortSignal,
  ) {
    this.#ranges = ranges.length;
    if (ranges.length === 0) return;
    const stream = blobs.read({ ranges, together: true }, { signal, timeoutMs: READ_TIMEOUT_MS });
    this.#stream = stream[Symbol.asyncIterator]();
  }

  /** Goes on to the next range. */
  next(): void {
    this.#index += 1;
  }

  /** Goes on to before the range of that index, which `next` then begins; what is left of those before it is passed over. */
  skipTo(index: number): void {
    this.#index = index - 1;
  }

  /** The next octets of the current range; undefined at its end. Rejects, or throws, when it cannot be read. */
  read(): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    while (this.#next < this.#pieces.length) {
      const { index, data, last, errorCode } = this.#pieces[this.#next] as storage.BlobPiece;
      if (index > this.#index) return undefined;
      if (index === this.#index) {
        if (errorCode !== '') throw new StoaError(errorCode as ErrorCode, 'a body cannot be read');
        if (!this.#handedOver && data.length > 0) {
          this.#handedOver = true;
          return data;
        }
        if (last) return undefined;
      }
      this.#next += 1;
      this.#handedOver = false;
    }
    return this.#readOn();
  }

  async #readOn(): Promise<Uint8Array | undefined> {
    const step = await this.#stream?.next();
    if (step === undefined || step.done === true) throw new StoaError('internal', 'the bodies ended too early');
    const { pieces } = step.value;
    this.#pieces = pieces.length > 0 ? pieces : [step.value];
    const { index, last } = this.#pieces.at(-1) as storage.BlobPiece;
    this.#complete = last && index === this.#ranges - 1;
    this.#next = 0;
    this.#handedOver = false;
    return this.read();
  }

  /** All of the next range; it must be small. */
  async readAll(): Promise<Uint8Array> {
    this.next();
    const pieces: Uint8Array[] = [];
    for (let piece = await this.read(); piece !== undefined; piece = await this.read()) pieces.push(piece);
    return pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces);
  }

  async close(): Promise<void> {
    // A stream that has given everything is taken to its end, which costs less than to break it off.
    if (this.#complete) await this.#stream?.next().catch(() => {});
    else await this.#stream?.return?.();
  }
}
