import type { ResponseWriter } from '../session-types.ts';

/** Of a message's response as much is gathered before it begins to leave, so that a failure can still be told. */
const GATHER_OCTETS = 256 * 1024;

/** Collects a message's response; once it is large, what is there leaves and the rest is streamed. */
export class MessageOutput {
  readonly #writer: ResponseWriter;
  #gathered: Uint8Array[] = [];
  #size = 0;
  /** Something of this message has left for the client. */
  started = false;

  constructor(writer: ResponseWriter) {
    this.#writer = writer;
  }

  async add(octets: Uint8Array): Promise<void> {
    this.#gathered.push(octets);
    this.#size += octets.length;
    if (this.#size < GATHER_OCTETS) return;
    this.#release();
    this.started = true;
    await this.#writer.drain();
  }

  #release(): void {
    for (const octets of this.#gathered) this.#writer.write(octets);
    this.#gathered = [];
    this.#size = 0;
  }

  async end(): Promise<void> {
    this.#release();
    if (this.#writer.full) await this.#writer.drain();
  }
}
