import { BdatDecoder, DataDecoder, type MessageStatistics } from '@stoa/mail';
import type { OctetSource } from '@stoa/service-kit';

/** The octets of a message as they come from the client, by DATA or by BDAT. */
export interface IncomingMessage {
  readonly statistics: MessageStatistics;
  /** Whether all of it has come. */
  readonly ended: boolean;
  /** Whether it comes by BDAT. */
  readonly chunked: boolean;
  /** Why no more of it can come; undefined while it can. */
  readonly broken: unknown;
  /** The next pieces; empty when a read brought nothing of the message. Calls during a read share it. */
  read(): Promise<Buffer[]>;
}

/** The message that follows DATA. */
export class DataMessage implements IncomingMessage {
  readonly #decoder: DataDecoder;
  readonly #source: OctetSource;
  readonly #timeoutMs: number;
  #first: Buffer | undefined;
  #reading: Promise<Buffer[]> | undefined;
  readonly chunked = false;
  broken: unknown;

  /** `first`: octets that came together with the command. */
  constructor(source: OctetSource, first: Buffer, bareLineEnds: 'reject' | 'convert', timeoutMs: number) {
    this.#decoder = new DataDecoder({ bareLineEnds });
    this.#source = source;
    this.#timeoutMs = timeoutMs;
    this.#first = first;
  }

  get statistics(): MessageStatistics {
    return this.#decoder.statistics;
  }

  get ended(): boolean {
    return this.#decoder.ended;
  }

  read(): Promise<Buffer[]> {
    this.#reading ??= this.#readOnce().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readOnce(): Promise<Buffer[]> {
    const first = this.#first;
    this.#first = undefined;
    try {
      return this.#decoder.write(
        first !== undefined && first.length > 0 ? first : await this.#source.read(this.#timeoutMs),
      );
    } catch (error) {
      this.broken = error;
      throw error;
    }
  }

  /** Commands that came behind the message. */
  takeRemaining(): Buffer {
    return this.#decoder.takeRemaining();
  }
}

/**
 * The message that several BDAT commands bring. The commands are read by the session and the octets by the delivery, so the
 * pieces wait in between, a bounded number of them.
 */
export class ChunkedMessage implements IncomingMessage {
  readonly #decoder = new BdatDecoder();
  #pieces: Buffer[] = [];
  #wake: (() => void) | undefined;
  #taken: (() => void) | undefined;
  readonly chunked = true;
  #failure: unknown;
  #dropping = false;

  get statistics(): MessageStatistics {
    return this.#decoder.statistics;
  }

  get ended(): boolean {
    return this.#decoder.ended && this.#pieces.length === 0;
  }

  get broken(): unknown {
    return this.#failure;
  }

  /** Whether the last chunk is complete. */
  get complete(): boolean {
    return this.#decoder.ended;
  }

  async read(): Promise<Buffer[]> {
    while (this.#pieces.length === 0 && !this.#decoder.ended) {
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#failure !== undefined) throw this.#failure;
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#taken?.();
    return pieces;
  }

  /** Reads one chunk of `size` octets; returns the octets behind it. */
  async chunk(source: OctetSource, first: Buffer, size: number, last: boolean, timeoutMs: number): Promise<Buffer> {
    this.#decoder.begin(size, last);
    let octets: Buffer | undefined = first.length > 0 ? first : undefined;
    while (!this.#decoder.chunkEnded) {
      octets ??= await source.read(timeoutMs);
      const pieces = this.#decoder.write(octets);
      octets = undefined;
      if (!this.#dropping) this.#pieces.push(...pieces);
      this.#wake?.();
      // The delivery takes the pieces at its own pace.
      if (this.#pieces.length > 16) {
        await new Promise<void>((resolve) => {
          this.#taken = resolve;
        });
        this.#taken = undefined;
      }
    }
    this.#wake?.();
    return octets === undefined ? this.#decoder.takeRemaining() : octets;
  }

  /** The transaction ends without the rest of the message. */
  fail(error: unknown): void {
    this.#failure = error;
    this.#wake?.();
    this.#taken?.();
  }

  /** Whoever took the pieces takes no more; what still comes is thrown away. */
  drop(): void {
    this.#dropping = true;
    this.#pieces = [];
    this.#taken?.();
  }
}
