import { type Client as GrpcClient, status as Status } from '@grpc/grpc-js';
import { OpenLine } from './open-line.ts';

/** A line that ended is opened anew after so long, should a call want one. */
const REOPEN_MS = 1_000;

/** The same where the server has no lines: it is of an older release, and may be replaced at any time. */
const ASK_AGAIN_MS = 30_000;

/** What carries the calls to one address: one stream at a time, opened when there are calls, and again after it ended. */
export class Line {
  readonly #channel: GrpcClient;
  #line: OpenLine | undefined;
  #stands = false;
  #notBefore = 0;
  #closed = false;

  /** `channel` is closed after the line. */
  constructor(channel: GrpcClient) {
    this.#channel = channel;
  }

  /** Where a call can be made now. Undefined when it has to be made by itself: a line is then being opened, where that can be. */
  current(): OpenLine | undefined {
    if (this.#stands) return this.#line;
    if (this.#line === undefined && !this.#closed && performance.now() >= this.#notBefore) this.#open();
    return undefined;
  }

  /** Calls under way go on to their ends. */
  close(): void {
    this.#closed = true;
    this.#line?.retire();
  }

  #open(): void {
    this.#line = new OpenLine(this.#channel, {
      onStand: () => {
        this.#stands = true;
      },
      onGone: (error) => {
        this.#line = undefined;
        this.#stands = false;
        const unknown = (error as { code?: unknown } | undefined)?.code === Status.UNIMPLEMENTED;
        this.#notBefore = performance.now() + (unknown ? ASK_AGAIN_MS : REOPEN_MS);
      },
    });
  }
}
