import { SpanKind } from '@opentelemetry/api';
import { StoaError, toStoaError } from '@stoa/plugin-sdk';
import { CallEnd } from '../call-end.ts';
import { CallScope } from '../call-scope.ts';
import type { Frame, Start } from '../gen/stoa/rpc/v1/line.ts';
import type { ClientCallOptions } from '../rpc.ts';
import { type CallSpan, context, propagation, startCallSpan } from '../trace.ts';
import { costOf, deserialised, errorOfFailure, frameOf, serialised } from './frames.ts';
import { Intake } from './intake.ts';
import type { LineMethod } from './line-method.ts';
import type { CallOnLine, OpenLine } from './open-line.ts';
import { Outlet } from './outlet.ts';

const MAX_TIMEOUT_MS = 2 ** 31 - 1;

const END: IteratorResult<never, undefined> = Object.freeze({ done: true, value: undefined });

const carrier = {
  set: (target: Start['context'], key: string, value: string) => {
    target[key] = value;
  },
};

/** A call that its caller made on a line, until it is over for the caller. */
export class LineCall implements CallOnLine {
  readonly #target: LineMethod;
  readonly #line: OpenLine;
  readonly #scope: CallScope;
  readonly #span: CallSpan;
  readonly #responses: Intake;
  /** Both are for a stream of requests. */
  readonly #outlet: Outlet | undefined;
  readonly #sent: CallEnd | undefined;
  #id: number | undefined;
  #over = false;

  /** Never throws: what is wrong is told by its result. */
  static begin(target: LineMethod, line: OpenLine, request: unknown, options: ClientCallOptions | undefined): LineCall {
    const call = new LineCall(target, line, options);
    try {
      call.#begin(request);
    } catch (error) {
      call.#scope.abort(toStoaError(error));
    }
    return call;
  }

  private constructor(target: LineMethod, line: OpenLine, options: ClientCallOptions | undefined) {
    const { definition, method, timeoutMs } = target;
    this.#target = target;
    this.#line = line;
    this.#span = startCallSpan(SpanKind.CLIENT, definition, method, 'grpc', context.active());
    this.#scope = new CallScope(options, timeoutMs);
    this.#responses = new Intake(
      (octets) => deserialised(method.responseType, octets),
      (credit) => this.#say({ credit }),
    );
    this.#outlet = method.requestStream ? new Outlet() : undefined;
    this.#sent = method.requestStream ? new CallEnd() : undefined;
  }

  #begin(request: unknown): void {
    const { method } = this.#target;
    if (this.#scope.reason !== undefined) return;
    if (method.requestStream) {
      this.#id = this.#line.begin(this);
      this.#say({ start: this.#start() });
      this.#send(request as AsyncIterable<unknown>).catch((error) => this.#scope.abort(toStoaError(error)));
      return;
    }
    const octets = serialised(method.requestType, method.requestType.fromPartial(request ?? {}));
    this.#id = this.#line.begin(this);
    this.#say({ start: this.#start(), messages: [octets], end: true });
  }

  #start(): Start {
    const carried: Start['context'] = {};
    propagation.inject(this.#span.context, carried, carrier);
    const left = this.#scope.deadline - Date.now();
    const timeoutMs = left === Number.POSITIVE_INFINITY ? 0 : Math.min(Math.max(left, 1), MAX_TIMEOUT_MS);
    return { method: this.#target.path, timeoutMs, context: carried };
  }

  /** The answer of a call that has one. */
  only(): Promise<unknown> {
    return this.#scope.race(this.#responses.next(), this.#answer, this.#failed);
  }

  /** The next of many. */
  next(): Promise<IteratorResult<unknown, undefined>> {
    if (this.#over) return Promise.resolve(END);
    return this.#scope.race(this.#responses.next(), this.#step, this.#failed);
  }

  /** No more of the responses are wanted. */
  leave(): void {
    if (!this.#over) this.#end(undefined);
  }

  take({ messages, end, failure, credit }: Frame): void {
    if (credit > 0) this.#outlet?.grant(credit);
    if (messages.length > 0) this.#responses.push(messages);
    if (!end && failure === undefined) return;
    this.#forget();
    this.#responses.end(failure === undefined ? undefined : errorOfFailure(failure));
  }

  fail(error: StoaError): void {
    this.#forget();
    this.#responses.end(error);
  }

  readonly #answer = ({ done, value }: IteratorResult<unknown, undefined>): unknown => {
    if (done === true) throw new StoaError('internal', 'the server gave no answer');
    this.#end(undefined);
    return value;
  };

  readonly #step = (step: IteratorResult<unknown, undefined>): IteratorResult<unknown, undefined> => {
    if (step.done === true && !this.#over) this.#end(undefined);
    return step;
  };

  readonly #failed = (error: unknown): StoaError => {
    const failure = toStoaError(error);
    if (!this.#over) this.#end(failure);
    return failure;
  };

  #end(failure: StoaError | undefined): void {
    this.#over = true;
    if (this.#id !== undefined) this.#line.cancel(this.#id);
    this.#stopSending();
    this.#responses.abort(failure);
    this.#scope.close();
    this.#span.end(failure);
  }

  /** The server has said the last of this call. */
  #forget(): void {
    if (this.#id !== undefined) this.#line.forget(this.#id);
    this.#stopSending();
  }

  #stopSending(): void {
    this.#sent?.reach();
    this.#outlet?.close();
  }

  #say(said: Partial<Frame>): void {
    this.#line.say(frameOf(this.#id as number, said));
  }

  /** Sends the requests as fast as the other side takes them; the source of a call that ended meanwhile is closed. */
  async #send(requests: AsyncIterable<unknown>): Promise<void> {
    const { requestType } = this.#target.method;
    const sent = this.#sent as CallEnd;
    const iterator = requests[Symbol.asyncIterator]();
    while (!sent.reached) {
      const step = await sent.or<IteratorResult<unknown>>((resolve, reject) => {
        iterator.next().then(resolve, reject);
      });
      if (sent.reached || step === undefined) break;
      if (step.done === true) {
        this.#say({ end: true });
        return;
      }
      const octets = serialised(requestType, requestType.fromPartial(step.value ?? {}));
      this.#say({ messages: [octets] });
      await this.#outlet?.spend(costOf(octets));
    }
    Promise.resolve(iterator.return?.()).catch(() => {});
  }
}
