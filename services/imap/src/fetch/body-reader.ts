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
  #pending: storage.ReadResponse | undefined;
  #index = -1;

  constructor(
    blobs: Client<typeof storage.BlobServiceDefinition>,
    ranges: readonly WantedRange[],
    signal: AbortSignal,
  ) {
    if (ranges.length === 0) return;
    const stream = blobs.read({ ranges }, { signal, timeoutMs: READ_TIMEOUT_MS });
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

  /** The next octets of the current range; undefined at its end. Rejects when it cannot be read. */
  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const response = this.#pending ?? (await this.#take());
      this.#pending = undefined;
      if (response === undefined) throw new StoaError('internal', 'the bodies ended too early');
      if (response.index < this.#index) continue;
      if (response.index > this.#index) {
        this.#pending = response;
        return undefined;
      }
      if (response.errorCode !== '') throw new StoaError(response.errorCode as ErrorCode, 'a body cannot be read');
      if (response.data.length > 0) {
        if (response.last) this.#pending = { ...response, data: new Uint8Array() };
        return response.data;
      }
      if (response.last) return undefined;
    }
  }

  /** All of the next range; it must be small. */
  async readAll(): Promise<Buffer> {
    this.next();
    const pieces: Uint8Array[] = [];
    for (let piece = await this.read(); piece !== undefined; piece = await this.read()) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  async #take(): Promise<storage.ReadResponse | undefined> {
    const step = await this.#stream?.next();
    return step === undefined || step.done === true ? undefined : step.value;
  }

  async close(): Promise<void> {
    await this.#stream?.return?.();
  }
}
