import { ROOT_CONTEXT, SpanKind, type TextMapGetter } from '@opentelemetry/api';
import { toStoaError } from '@stoa/plugin-sdk';
import type { Implementation, MethodDefinition, ServerCall, ServiceDefinition } from './rpc.ts';
import { type CallSpan, context, propagation, startCallSpan } from './trace.ts';
import { filled } from './whole.ts';

type AnyHandler = (request: unknown, call: ServerCall) => unknown;

export interface ServeOptions {
  /** Called with every failure, for the log; the wire carries the code and, where it is a StoaError, the message. */
  onError?: (error: unknown, method: string) => void;
  /** Enters the context of the service that owns the handlers, so that the call's spans carry that service's name. */
  enter?: <T>(run: () => T) => T;
}

/** What a handler is told of its call, and the reason if the call was given up. */
export interface ServedScope extends ServerCall {
  readonly reason: unknown;
}

/** A method with its handler, the same for whatever brings the calls. */
export class ServedMethod {
  readonly method: MethodDefinition;
  readonly #definition: ServiceDefinition;
  readonly #handler: AnyHandler;
  readonly #options: ServeOptions;

  constructor(definition: ServiceDefinition, method: MethodDefinition, handler: AnyHandler, options: ServeOptions) {
    this.method = method;
    this.#definition = definition;
    this.#handler = handler;
    this.#options = options;
  }

  /** "/stoa.storage.v1.MailService/Deliver". */
  get path(): string {
    return `/${this.#definition.fullName}/${this.method.name}`;
  }

  /** Begins a call, whose caller's trace context is in what came with it. */
  begin<C>(scope: ServedScope, carrier: C, getter: TextMapGetter<C>): ServedCall {
    const { enter = (run) => run() } = this.#options;
    // Whatever context the connection was accepted in is not this call's.
    const parent = context.with(ROOT_CONTEXT, () =>
      enter(() => propagation.extract(context.active(), carrier, getter)),
    );
    return new ServedCall(this, scope, startCallSpan(SpanKind.SERVER, this.#definition, this.method, 'grpc', parent));
  }

  handle(request: unknown, scope: ServedScope): unknown {
    return this.#handler(request, scope);
  }

  failed(error: unknown): void {
    this.#options.onError?.(error, `${this.#definition.name}/${this.method.name}`);
  }
}

/** All methods of a contract, by their names in its definition. */
export function servedMethods<D extends ServiceDefinition>(
  definition: D,
  implementation: Implementation<D>,
  options: ServeOptions,
): Map<string, ServedMethod> {
  return new Map(
    Object.entries(definition.methods).map(([name, method]) => {
      const handler = (implementation as Record<string, AnyHandler>)[name];
      if (handler === undefined) throw new TypeError(`${definition.fullName} has no implementation of ${method.name}`);
      return [name, new ServedMethod(definition, method, handler.bind(implementation), options)];
    }),
  );
}

/** A call that a handler works on. One of `answer` and `respond` is called, once. */
export class ServedCall {
  readonly #served: ServedMethod;
  readonly #scope: ServedScope;
  readonly #span: CallSpan;

  constructor(served: ServedMethod, scope: ServedScope, span: CallSpan) {
    this.#served = served;
    this.#scope = scope;
    this.#span = span;
  }

  /** Resolves to the only response. Rejects with what the handler failed with, or with the reason of an abort. */
  answer(request: unknown): Promise<unknown> {
    return context
      .with(this.#span.context, async () => this.#served.handle(request, this.#scope))
      .then(
        (response) => {
          this.#span.end();
          return filled(this.#served.method, response);
        },
        (error: unknown) => {
          throw this.#failed(error);
        },
      );
  }

  /** Hands over the responses, one after the other; the next waits while `take` does. Resolves after the last, rejects as `answer`. */
  async respond(request: unknown, take: (response: unknown) => Promise<unknown> | undefined): Promise<void> {
    try {
      await this.#each(request, take);
    } catch (error) {
      throw this.#failed(error);
    }
    this.#span.end();
  }

  async #each(request: unknown, take: (response: unknown) => Promise<unknown> | undefined): Promise<void> {
    const { context: inside } = this.#span;
    const responses = context.with(inside, () => {
      return (this.#served.handle(request, this.#scope) as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    });
    const step = () => responses.next();
    let ended = false;
    try {
      for (;;) {
        // A producer that failed has ended.
        ended = true;
        const { done, value } = await context.with(inside, step);
        if (done === true) return;
        ended = false;
        if (this.#scope.reason !== undefined) throw this.#scope.reason;
        const room = take(filled(this.#served.method, value));
        if (room !== undefined) await room;
      }
    } finally {
      if (!ended) await context.with(inside, () => responses.return?.());
    }
  }

  #failed(error: unknown): unknown {
    const cause = this.#scope.reason ?? error;
    this.#span.end(toStoaError(cause));
    this.#served.failed(cause);
    return cause;
  }
}
