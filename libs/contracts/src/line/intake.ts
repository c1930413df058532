import { StoaError } from '@stoa/plugin-sdk';
import { MAX_MESSAGE_BYTES } from '../limits.ts';
import { costOf, INITIAL_CREDIT } from './frames.ts';

const END: IteratorResult<never, undefined> = Object.freeze({ done: true, value: undefined });

/** Read so much, and the other side hears that it may send as much again. */
const GRANT_OCTETS = INITIAL_CREDIT / 4;

/** What a side that keeps to its credit can have sent beyond what was read: the last message may be larger than what was left. */
const HELD_LIMIT = INITIAL_CREDIT + GRANT_OCTETS + costOf({ length: MAX_MESSAGE_BYTES } as Uint8Array);

/** The messages of one direction of a call, as they are read: who reads slowly makes the other side wait. */
export class Intake implements AsyncIterableIterator<unknown, undefined> {
  readonly #read: (octets: Uint8Array) => unknown;
  readonly #grant: (octets: number) => void;
  #messages: Uint8Array[] = [];
  /** Cost of what waits to be read. */
  #held = 0;
  /** Cost of what was read and not yet granted anew. */
  #owed = 0;
  #readers: PromiseWithResolvers<IteratorResult<unknown, undefined>>[] = [];
  #ended = false;
  /** With what it ended, once what came before was read. */
  #failure: unknown;

  constructor(read: (octets: Uint8Array) => unknown, grant: (octets: number) => void) {
    this.#read = read;
    this.#grant = grant;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Throws when the other side sends more than it may. */
  push(messages: readonly Uint8Array[]): void {
    if (this.#ended) return;
    for (const message of messages) {
      this.#messages.push(message);
      this.#held += costOf(message);
      if (this.#held > HELD_LIMIT) throw new StoaError('resource-exhausted', 'more was sent than there was room for');
    }
    while (this.#messages.length > 0 && this.#readers.length > 0) this.#readers.shift()?.resolve(this.#take());
  }

  /** No more comes. */
  end(failure?: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#failure = failure;
    // Who still waits found nothing before the end.
    for (const reader of this.#readers.splice(0)) reader.resolve(this.#last());
  }

  /** Breaks off: what was not read yet is not read any more. */
  abort(reason: unknown): void {
    this.#messages = [];
    if (!this.#ended) this.end(reason);
    else this.#failure = reason;
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    if (this.#messages.length > 0) return this.#take();
    if (this.#ended) return this.#last();
    const reader = Promise.withResolvers<IteratorResult<unknown, undefined>>();
    this.#readers.push(reader);
    return reader.promise;
  }

  /** Nobody reads any more. The other side may go on until its credit is used up. */
  async return(): Promise<IteratorResult<unknown, undefined>> {
    this.#messages = [];
    this.end();
    this.#failure = undefined;
    return END;
  }

  async #take(): Promise<IteratorResult<unknown, undefined>> {
    const message = this.#messages.shift() as Uint8Array;
    const cost = costOf(message);
    this.#held -= cost;
    this.#owed += cost;
    if (this.#owed >= GRANT_OCTETS && !this.#ended) {
      this.#grant(this.#owed);
      this.#owed = 0;
    }
    return { done: false, value: this.#read(message) };
  }

  /** The failure is told once; after it there is just nothing. */
  async #last(): Promise<IteratorResult<unknown, undefined>> {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure;
    return END;
  }
}
