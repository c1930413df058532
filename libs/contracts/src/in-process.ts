import { SpanKind } from '@opentelemetry/api';
import { StoaError, toStoaError } from '@stoa/plugin-sdk';
import { CallScope, DEFAULT_TIMEOUT_MS } from './call-scope.ts';
import type {
  Client,
  ClientCallOptions,
  Implementation,
  MethodDefinition,
  ServerCall,
  ServiceDefinition,
} from './rpc.ts';
import { type CallSpan, context, startCallSpan } from './trace.ts';
import { filled } from './whole.ts';

/** Why a producer is told to end when its reader has what it wanted. One for all: streams are left early by the thousand. */
const STOPPED = new StoaError('cancelled', 'the caller stopped reading');

type AnyHandler = (request: unknown, call: ServerCall) => unknown;

export interface InProcessClientOptions {
  /** Milliseconds for calls that do not say; see DEFAULT_TIMEOUT_MS. */
  defaultTimeoutMs?: number;
  /** Enters the context of the service that owns the handlers, so that the call's spans carry that service's name. */
  enter?: <T>(run: () => T) => T;
}

/**
 * A client that calls an implementation in this process: same deadlines, errors, spans and cancellation as over gRPC, no
 * serialisation. Requests and responses get their absent fields filled in, so that both channels show the same shapes.
 */
export function createInProcessClient<D extends ServiceDefinition>(
  definition: D,
  implementation: Implementation<D>,
  options: InProcessClientOptions = {},
): Client<D> {
  const timeoutMs = options.defaultTimeoutMs ?? DEFAULT_TIMEOUT_MS;
  const enter = options.enter ?? (<T>(run: () => T) => run());
  const client: Record<string, unknown> = {};
  for (const [name, method] of Object.entries(definition.methods)) {
    const handler = (implementation as Record<string, AnyHandler>)[name];
    if (handler === undefined) throw new TypeError(`${definition.fullName} has no implementation of ${method.name}`);
    const target: Target = { definition, method, handler: handler.bind(implementation), timeoutMs, enter };
    client[name] = method.responseStream
      ? (request: unknown, callOptions?: ClientCallOptions) => new Responses(target, request, callOptions)
      : (request: unknown, callOptions?: ClientCallOptions) => unaryCall(target, request, callOptions);
  }
  return client as Client<D>;
}

function normaliseRequest(method: MethodDefinition, request: unknown, scope: CallScope): unknown {
  if (!method.requestStream) return method.requestType.fromPartial(request ?? {});
  return new Requests(method, request as AsyncIterable<unknown>, scope);
}

const activeContext = () => context.active();

const END: IteratorResult<never, undefined> = Object.freeze({ done: true, value: undefined });

/** The requests of a call. The handler does not wait for them longer than the call lives, whatever their source does. */
class Requests implements AsyncIterableIterator<unknown, undefined> {
  readonly #method: MethodDefinition;
  readonly #source: AsyncIterable<unknown>;
  readonly #scope: CallScope;
  #iterator: AsyncIterator<unknown> | undefined;
  #ended = false;

  constructor(method: MethodDefinition, source: AsyncIterable<unknown>, scope: CallScope) {
    this.#method = method;
    this.#source = source;
    this.#scope = scope;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<unknown, undefined>> {
    if (this.#ended) return END;
    this.#iterator ??= this.#source[Symbol.asyncIterator]();
    return this.#scope.race(this.#iterator.next(), this.#made, this.#failed);
  }

  async return(): Promise<IteratorResult<unknown, undefined>> {
    this.#leave();
    return END;
  }

  readonly #made = (step: IteratorResult<unknown>): IteratorResult<unknown, undefined> => {
    if (step.done === true) {
      this.#ended = true;
      return END;
    }
    return { done: false, value: this.#method.requestType.fromPartial(step.value ?? {}) };
  };

  readonly #failed = (error: unknown): StoaError => {
    this.#leave();
    return toStoaError(error);
  };

  #leave(): void {
    if (this.#ended) return;
    this.#ended = true;
    Promise.resolve(this.#iterator?.return?.()).catch(() => {});
  }
}

/** What the calls of one method have in common. */
interface Target {
  definition: ServiceDefinition;
  method: MethodDefinition;
  handler: AnyHandler;
  timeoutMs: number;
  enter: <T>(run: () => T) => T;
}

/** A call that is under way: its span, signal and time. */
class Call {
  readonly scope: CallScope;
  readonly #target: Target;
  readonly #span: CallSpan;

  constructor(target: Target, options: ClientCallOptions | undefined) {
    const { definition, method, timeoutMs, enter } = target;
    this.#target = target;
    this.#span = startCallSpan(SpanKind.INTERNAL, definition, method, 'in-process', enter(activeContext));
    this.scope = new CallScope(options, timeoutMs);
  }

  /** Runs something in the context of the call, so that spans begun inside it find their parent. */
  inside<T>(run: () => T): T {
    return context.with(this.#span.context, run);
  }

  answer(request: unknown): Promise<unknown> {
    return this.#start(request) as Promise<unknown>;
  }

  responses(request: unknown): AsyncIterator<unknown> {
    return (this.#start(request) as AsyncIterable<unknown>)[Symbol.asyncIterator]();
  }

  #start(request: unknown): unknown {
    const { handler, method } = this.#target;
    // Nobody waits for the answer of a call that was given up before it began.
    if (this.scope.reason !== undefined) throw this.scope.reason;
    return handler(normaliseRequest(method, request, this.scope), this.scope);
  }

  filled(response: unknown): unknown {
    return filled(this.#target.method, response);
  }

  end(error?: unknown): StoaError | undefined {
    const failure = error === undefined ? undefined : toStoaError(error);
    this.scope.close();
    this.#span.end(failure);
    return failure;
  }
}

function unaryCall(target: Target, request: unknown, options: ClientCallOptions | undefined): Promise<unknown> {
  const call = new Call(target, options);
  const failed = (error: unknown) => call.end(error);
  const made = (response: unknown) => {
    const whole = call.filled(response);
    call.end();
    return whole;
  };
  try {
    return call.scope.race(
      call.inside(() => call.answer(request)),
      made,
      failed,
    );
  } catch (error) {
    return Promise.reject(failed(error));
  }
}

/** The responses of a call, which begins when the first is asked for. Handed on step by step, without a generator between. */
class Responses implements AsyncIterableIterator<unknown, undefined> {
  readonly #target: Target;
  readonly #request: unknown;
  readonly #options: ClientCallOptions | undefined;
  #call: Call | undefined;
  #iterator: AsyncIterator<unknown> | undefined;
  #ended = false;

  constructor(target: Target, request: unknown, options: ClientCallOptions | undefined) {
    this.#target = target;
    this.#request = request;
    this.#options = options;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    if (this.#ended) return Promise.resolve(END);
    try {
      this.#call ??= new Call(this.#target, this.#options);
      const call = this.#call;
      return call.scope.race(call.inside(this.#step), this.#made, this.#failed);
    } catch (error) {
      return Promise.reject(this.#failed(error));
    }
  }

  /** A producer that waits for something learns by the signal that nobody listens; its own clean-up is not waited for. */
  async return(): Promise<IteratorResult<unknown, undefined>> {
    if (!this.#ended) this.#stop(STOPPED, undefined);
    return END;
  }

  readonly #step = (): Promise<IteratorResult<unknown>> => {
    this.#iterator ??= (this.#call as Call).responses(this.#request);
    return this.#iterator.next();
  };

  readonly #made = (step: IteratorResult<unknown>): IteratorResult<unknown, undefined> => {
    if (step.done !== true) return { done: false, value: this.#call?.filled(step.value) };
    if (!this.#ended) this.#call?.end();
    this.#ended = true;
    return END;
  };

  readonly #failed = (error: unknown): StoaError => {
    const failure = toStoaError(error);
    if (!this.#ended) this.#stop(failure, failure);
    return failure;
  };

  #stop(reason: StoaError, failure: StoaError | undefined): void {
    this.#ended = true;
    const iterator = this.#iterator;
    this.#call?.scope.abort(reason);
    if (iterator !== undefined) this.#call?.inside(async () => iterator.return?.()).catch(() => {});
    this.#call?.end(failure);
  }
}
