import type { ClientCallOptions, MethodDefinition, ServiceDefinition } from '../rpc.ts';
import { LineCall } from './line-call.ts';
import type { OpenLine } from './open-line.ts';

const END: IteratorResult<never, undefined> = Object.freeze({ done: true, value: undefined });

/** Makes the calls of one method on lines. */
export class LineMethod {
  readonly definition: ServiceDefinition;
  readonly method: MethodDefinition;
  readonly path: string;
  readonly timeoutMs: number;

  constructor(definition: ServiceDefinition, method: MethodDefinition, timeoutMs: number) {
    this.definition = definition;
    this.method = method;
    this.path = `/${definition.fullName}/${method.name}`;
    this.timeoutMs = timeoutMs;
  }

  single(line: OpenLine, request: unknown, options: ClientCallOptions | undefined): Promise<unknown> {
    return LineCall.begin(this, line, request, options).only();
  }

  stream(
    line: OpenLine,
    request: unknown,
    options: ClientCallOptions | undefined,
  ): AsyncIterableIterator<unknown, undefined> {
    return new LineResponses(() => LineCall.begin(this, line, request, options));
  }
}

/** The responses of a call, which begins when the first is asked for. */
class LineResponses implements AsyncIterableIterator<unknown, undefined> {
  readonly #begin: () => LineCall;
  #call: LineCall | undefined;
  #left = false;

  constructor(begin: () => LineCall) {
    this.#begin = begin;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    if (this.#left) return Promise.resolve(END);
    this.#call ??= this.#begin();
    return this.#call.next();
  }

  async return(): Promise<IteratorResult<unknown, undefined>> {
    this.#left = true;
    this.#call?.leave();
    return END;
  }
}
