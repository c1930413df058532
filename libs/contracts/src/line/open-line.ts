import type { ClientDuplexStream, Client as GrpcClient } from '@grpc/grpc-js';
import { Metadata } from '@grpc/grpc-js';
import { StoaError } from '@stoa/plugin-sdk';
import { type Frame, LineServiceDefinition, type OpenRequest, type OpenResponse } from '../gen/stoa/rpc/v1/line.ts';
import { grpcMethod } from '../grpc-definition.ts';
import { FrameQueue } from './frame-queue.ts';
import { frameOf, LINE_VERSION } from './frames.ts';

/** Calls of one line, at most; the next one is made on another. */
const LAST_CALL = 2 ** 32 - 1;

const { path, requestSerialize, responseDeserialize } = grpcMethod(
  LineServiceDefinition,
  LineServiceDefinition.methods.open,
);

/** What a line tells of a call that is under way on it. */
export interface CallOnLine {
  /** Throws when the server sends more than it may. */
  take(frame: Frame): void;
  /** The line broke. */
  fail(error: StoaError): void;
}

export interface OpenLineOptions {
  /** The server said hello. */
  onStand(): void;
  /** No more calls can be begun. With the failure, if there was one. */
  onGone(error?: unknown): void;
}

/** The client's side of one stream. */
export class OpenLine {
  readonly #stream: ClientDuplexStream<OpenRequest, OpenResponse>;
  readonly #queue: FrameQueue;
  readonly #options: OpenLineOptions;
  readonly #calls = new Map<number, CallOnLine>();
  #last = 0;
  #stands = false;
  #gone = false;

  constructor(channel: GrpcClient, options: OpenLineOptions) {
    this.#options = options;
    const stream = channel.makeBidiStreamRequest<OpenRequest, OpenResponse>(
      path,
      requestSerialize,
      responseDeserialize as (octets: Buffer) => OpenResponse,
      new Metadata(),
      {},
    );
    this.#stream = stream;
    this.#queue = new FrameQueue((frames) => stream.write({ frames }));
    stream.on('drain', () => this.#queue.drained());
    stream.on('data', (response: OpenResponse) => this.#hear(response));
    stream.on('error', (error: unknown) => this.#broke(error));
    stream.on('end', () => this.#broke(undefined));
  }

  /** Calls under way. */
  get calls(): number {
    return this.#calls.size;
  }

  /** Number of a call that begins; what is said of it follows. */
  begin(call: CallOnLine): number {
    if (this.#gone) throw ended();
    this.#last += 1;
    this.#calls.set(this.#last, call);
    if (this.#last === LAST_CALL) this.retire();
    return this.#last;
  }

  say(frame: Frame): void {
    this.#queue.add(frame);
  }

  /** The server has said its last of a call. */
  forget(id: number): void {
    this.#calls.delete(id);
    this.#endAfterCalls();
  }

  /** Nobody waits for a call any more, if it is not over already; what still comes of it is nobody's. */
  cancel(id: number): void {
    if (!this.#calls.delete(id)) return;
    this.say(frameOf(id, { cancel: true }));
    this.#endAfterCalls();
  }

  /** Begins no more calls, and ends after those under way. */
  retire(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#options.onGone();
    this.#endAfterCalls();
  }

  #hear({ version, frames, goodbye }: OpenResponse): void {
    try {
      if (!this.#stands) this.#hello(version);
      for (const frame of frames) this.#calls.get(frame.call)?.take(frame);
    } catch (error) {
      this.#broke(error);
      this.#stream.cancel();
      return;
    }
    if (goodbye) this.retire();
  }

  #hello(version: number): void {
    if (version !== LINE_VERSION) throw new StoaError('unsupported-version', `a line of version ${version}`);
    this.#stands = true;
    this.#options.onStand();
  }

  #endAfterCalls(): void {
    if (this.#gone && this.#calls.size === 0) this.#queue.end(() => this.#stream.end());
  }

  #broke(error: unknown): void {
    this.#queue.drop();
    if (!this.#gone) {
      this.#gone = true;
      this.#options.onGone(error);
    }
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const call of calls) call.fail(ended(error));
  }
}

function ended(cause?: unknown): StoaError {
  return new StoaError('unavailable', 'the server ended the call', { cause });
}
