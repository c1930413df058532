import type { ServerDuplexStream } from '@grpc/grpc-js';
import { StoaError } from '@stoa/plugin-sdk';
import { toStatus } from '../error-status.ts';
import type { Frame, OpenRequest, OpenResponse } from '../gen/stoa/rpc/v1/line.ts';
import { EMPTY_REQUEST } from '../grpc-definition.ts';
import type { ServedMethod } from '../served-method.ts';
import { FrameQueue } from './frame-queue.ts';
import { failureOf, frameOf, LINE_VERSION } from './frames.ts';
import { LineHandler } from './line-handler.ts';

type Stream = ServerDuplexStream<OpenRequest, OpenResponse>;

/** The server's side of a line. */
export class ServedLine {
  readonly #stream: Stream;
  readonly #methods: ReadonlyMap<string, ServedMethod>;
  readonly #queue: FrameQueue;
  readonly #calls = new Map<number, LineHandler>();
  readonly #onEnd: () => void;
  /** The largest number of a call that was begun. */
  #last = 0;
  #clientEnded = false;
  #ended = false;

  constructor(stream: Stream, methods: ReadonlyMap<string, ServedMethod>, onEnd: () => void) {
    this.#stream = stream;
    this.#methods = methods;
    this.#onEnd = onEnd;
    this.#queue = new FrameQueue((frames) => stream.write({ version: 0, frames, goodbye: false }));
    stream.on('drain', () => this.#queue.drained());
    stream.on('data', (request: OpenRequest | typeof EMPTY_REQUEST) => this.#hear(request));
    stream.on('end', () => {
      this.#clientEnded = true;
      this.#endAfterCalls();
    });
    stream.on('cancelled', () => this.#broke());
    stream.on('error', () => this.#broke());
    stream.write({ version: LINE_VERSION, frames: [], goodbye: false });
  }

  goodbye(): void {
    if (!this.#ended) this.#stream.write({ version: 0, frames: [], goodbye: true });
  }

  say(frame: Frame): void {
    if (!this.#ended) this.#queue.add(frame);
  }

  /** A call is over, with what is said of it last. */
  over(frame: Frame): void {
    // Nobody waits for what is said of a call that was cancelled.
    if (!this.#calls.delete(frame.call)) return;
    this.say(frame);
    this.#endAfterCalls();
  }

  #hear(request: OpenRequest | typeof EMPTY_REQUEST): void {
    if (request === EMPTY_REQUEST || this.#ended) return;
    try {
      for (const frame of request.frames) this.#take(frame);
    } catch (error) {
      // What the other side says makes no sense: it cannot be known any more what belongs to which call.
      const status = toStatus(error);
      this.#broke();
      this.#stream.emit('error', status);
    }
  }

  #take(frame: Frame): void {
    if (frame.start === undefined) {
      // A call that is over, or was given up, may still hear of what was on its way.
      this.#calls.get(frame.call)?.take(frame);
      return;
    }
    if (frame.call <= this.#last) throw new StoaError('invalid-argument', `the call ${frame.call} began twice`);
    this.#last = frame.call;
    const served = this.#methods.get(frame.start.method);
    if (served === undefined) {
      const error = new StoaError('unimplemented', 'there is no such method here');
      this.say(frameOf(frame.call, { failure: failureOf(error) }));
      return;
    }
    const call = new LineHandler(this, frame.call, served, frame.start);
    this.#calls.set(frame.call, call);
    call.begin(frame);
  }

  /** The client gave up a call. */
  leave(call: number): void {
    this.#calls.delete(call);
    this.#endAfterCalls();
  }

  #endAfterCalls(): void {
    if (!this.#clientEnded || this.#calls.size > 0 || this.#ended) return;
    this.#ended = true;
    this.#onEnd();
    this.#queue.end(() => this.#stream.end());
  }

  #broke(): void {
    this.#queue.drop();
    if (!this.#ended) this.#onEnd();
    this.#ended = true;
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    for (const call of calls) call.cancel();
  }
}
