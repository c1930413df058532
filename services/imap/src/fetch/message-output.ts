import { ByteWriter } from '@stoa/mail';
import type { ResponseWriter } from '../session-types.ts';

/** Of a message's response as much is gathered before it begins to leave, so that a failure can still be told. */
const GATHER_OCTETS = 256 * 1024;
/** Octets of responses that leave as one piece. */
const PIECE_OCTETS = 64 * 1024;
/** Smaller pieces of a body are copied to the octets around them, larger ones leave as they came. */
const COPIED_OCTETS = 16 * 1024;

/**
 * The responses of many messages in one buffer, which leaves when it is full. The response at hand can be taken back until
 * it is large; then what is there leaves and the rest is streamed.
 */
export class MessageOutput {
  /** Where the response at hand is written, between `begin` and `end`. */
  readonly octets = new ByteWriter(PIECE_OCTETS + COPIED_OCTETS);
  readonly #writer: ResponseWriter;
  /** Where the response at hand begins in `octets`. */
  #begun = 0;
  /** What is before `octets` of the response at hand. */
  #gathered: Uint8Array[] = [];
  #size = 0;
  #started = false;

  constructor(writer: ResponseWriter) {
    this.#writer = writer;
  }

  /** Something of the response at hand has left for the client. */
  get started(): boolean {
    return this.#started;
  }

  begin(): ByteWriter {
    this.#started = false;
    this.#begun = this.octets.length;
    return this.octets;
  }

  /** Adds a piece, which must not be changed any more. What is returned, if anything, is to be waited for. */
  add(piece: Uint8Array): Promise<void> | undefined {
    if (piece.length < COPIED_OCTETS) this.octets.octets(piece);
    else {
      this.#gather();
      this.#gathered.push(piece);
      this.#size += piece.length;
    }
    if (this.#size + this.octets.length - this.#begun < GATHER_OCTETS) return undefined;
    this.#gather();
    this.#release();
    this.#started = true;
    return this.#writer.drain();
  }

  /** The response at hand is complete. What is returned, if anything, is to be waited for. */
  end(): Promise<void> | undefined {
    this.#release();
    if (this.octets.length >= PIECE_OCTETS) this.flush();
    this.#begun = this.octets.length;
    return this.#writer.full ? this.#writer.drain() : undefined;
  }

  /** Takes the response at hand back; nothing of it may have left. */
  takeBack(): void {
    this.octets.truncate(this.#begun);
    this.#gathered = [];
    this.#size = 0;
  }

  /** Hands over what is complete. */
  flush(): void {
    if (this.octets.length > 0) this.#writer.write(this.octets.take());
    this.#begun = 0;
  }

  /** Moves what `octets` has to where it is followed by others: responses before this one are complete and leave. */
  #gather(): void {
    if (this.#begun > 0) this.#writer.copy(this.octets.view().subarray(0, this.#begun));
    const own = this.octets.view().subarray(this.#begun);
    if (own.length > 0) this.#gathered.push(Buffer.from(own));
    this.#size += own.length;
    this.octets.reset();
    this.#begun = 0;
  }

  #release(): void {
    if (this.#gathered.length === 0) return;
    for (const piece of this.#gathered) this.#writer.write(piece);
    this.#gathered = [];
    this.#size = 0;
  }
}
