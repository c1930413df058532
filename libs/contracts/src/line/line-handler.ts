import { StoaError } from '@stoa/plugin-sdk';
import { CallScope } from '../call-scope.ts';
import type { Frame, Start } from '../gen/stoa/rpc/v1/line.ts';
import type { ServedCall, ServedMethod } from '../served-method.ts';
import { costOf, deserialised, failureOf, frameOf, serialised } from './frames.ts';
import { Intake } from './intake.ts';
import { Outlet } from './outlet.ts';
import type { ServedLine } from './served-line.ts';

const carrier = {
  get: (context: Start['context'], key: string): string | undefined => context[key],
  keys: (context: Start['context']): string[] => Object.keys(context),
};

/** A call that came on a line, while its handler works on it. */
export class LineHandler {
  readonly #line: ServedLine;
  readonly #id: number;
  readonly #served: ServedMethod;
  readonly #scope: CallScope;
  readonly #call: ServedCall;
  readonly #outlet = new Outlet();
  #requests: Intake | undefined;

  constructor(line: ServedLine, id: number, served: ServedMethod, start: Start) {
    this.#line = line;
    this.#id = id;
    this.#served = served;
    this.#scope = new CallScope({ timeoutMs: start.timeoutMs || Number.POSITIVE_INFINITY }, 0);
    this.#call = served.begin(this.#scope, start.context, carrier);
  }

  /** With the frame that has the start in it. */
  begin(frame: Frame): void {
    const { requestStream, responseStream, requestType } = this.#served.method;
    let request: unknown;
    if (requestStream) {
      const grant = (credit: number) => this.#line.say(frameOf(this.#id, { credit }));
      this.#requests = new Intake((octets) => deserialised(requestType, octets), grant);
      request = this.#requests;
      this.take(frame);
    } else {
      try {
        request = deserialised(requestType, frame.messages[0] ?? new Uint8Array());
      } catch (error) {
        this.#failed(error);
        return;
      }
    }
    if (responseStream) this.#call.respond(request, this.#send).then(this.#finished, this.#failed);
    else this.#call.answer(request).then(this.#answered, this.#failed);
  }

  /** Throws when the client sends more than it may. */
  take({ messages, end, credit, cancel }: Frame): void {
    if (cancel) {
      this.#line.leave(this.#id);
      this.cancel();
      return;
    }
    if (credit > 0) this.#outlet.grant(credit);
    if (messages.length > 0) this.#requests?.push(messages);
    if (end) this.#requests?.end();
  }

  /** Nobody waits for the answer. */
  cancel(): void {
    const reason = new StoaError('cancelled', 'the caller gave up, or the connection broke');
    this.#scope.abort(reason);
    this.#requests?.abort(reason);
    this.#outlet.close();
  }

  readonly #send = (response: unknown): Promise<void> | undefined => {
    const octets = serialised(this.#served.method.responseType, response);
    this.#line.say(frameOf(this.#id, { messages: [octets] }));
    return this.#outlet.spend(costOf(octets));
  };

  readonly #answered = (response: unknown): void => {
    try {
      const octets = serialised(this.#served.method.responseType, response);
      this.#over(frameOf(this.#id, { messages: [octets], end: true }));
    } catch (error) {
      this.#failed(error);
    }
  };

  readonly #finished = (): void => this.#over(frameOf(this.#id, { end: true }));

  readonly #failed = (error: unknown): void => this.#over(frameOf(this.#id, { failure: failureOf(error) }));

  #over(frame: Frame): void {
    this.#scope.close();
    this.#line.over(frame);
  }
}
