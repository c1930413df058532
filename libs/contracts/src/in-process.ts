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
import { context, startCallSpan } from './trace.ts';

/** Why a producer is told to end when its reader has what it wanted. One for all: streams are left early by the thousand. */
const STOPPED = new StoaError('cancelled', 'the caller stopped reading');

const WHOLE = new WeakSet<object>();

/**
 * Says of a response that no field of it is absent, which its type proves: a call in this process hands over the object itself
 * and not a copy with all fields filled in. For large responses; whoever makes one lets go of it.
 */
export function whole<T extends object>(response: T): T {
  WHOLE.add(response);
  return response;
}

function filled({ responseType }: MethodDefinition, response: unknown): unknown {
  if (typeof response === 'object' && response !== null && WHOLE.has(response)) return response;
  return responseType.fromPartial(response ?? {});
}

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
  const enter = options.enter ?? ((run) => run());
  const client: Record<string, unknown> = {};
  for (const [name, method] of Object.entries(definition.methods)) {
    const handler = (implementation as Record<string, AnyHandler>)[name];
    if (handler === undefined) throw new TypeError(`${definition.fullName} has no implementation of ${method.name}`);
    const bound: AnyHandler = handler.bind(implementation);
    client[name] = method.responseStream
      ? (request: unknown, callOptions?: ClientCallOptions) =>
          streamingCall(definition, method, bound, request, callOptions, timeoutMs, enter)
      : (request: unknown, callOptions?: ClientCallOptions) =>
          unaryCall(definition, method, bound, request, callOptions, timeoutMs, enter);
  }
  return client as Client<D>;
}

function normaliseRequest(method: MethodDefinition, request: unknown, scope: CallScope): unknown {
  if (!method.requestStream) return method.requestType.fromPartial(request ?? {});
  return normaliseStream(method, request as AsyncIterable<unknown>, scope);
}

/** The handler does not wait for requests longer than the call lives, whatever their source does. */
async function* normaliseStream(method: MethodDefinition, requests: AsyncIterable<unknown>, scope: CallScope) {
  const iterator = requests[Symbol.asyncIterator]();
  let finished = false;
  try {
    for (;;) {
      const step = await scope.race(iterator.next());
      if (step.done === true) {
        finished = true;
        return;
      }
      yield method.requestType.fromPartial(step.value ?? {});
    }
  } catch (error) {
    throw toStoaError(error);
  } finally {
    if (!finished) Promise.resolve(iterator.return?.()).catch(() => {});
  }
}

async function unaryCall(
  definition: ServiceDefinition,
  method: MethodDefinition,
  handler: AnyHandler,
  request: unknown,
  options: ClientCallOptions | undefined,
  timeoutMs: number,
  enter: <T>(run: () => T) => T,
): Promise<unknown> {
  const span = startCallSpan(
    SpanKind.INTERNAL,
    definition,
    method,
    'in-process',
    enter(() => context.active()),
  );
  const scope = new CallScope(options, timeoutMs);
  let failure: StoaError | undefined;
  try {
    const run = context.with(span.context, async () => handler(normaliseRequest(method, request, scope), scope));
    return filled(method, await scope.race(run));
  } catch (error) {
    failure = toStoaError(error);
    throw failure;
  } finally {
    scope.close();
    span.end(failure);
  }
}

async function* streamingCall(
  definition: ServiceDefinition,
  method: MethodDefinition,
  handler: AnyHandler,
  request: unknown,
  options: ClientCallOptions | undefined,
  timeoutMs: number,
  enter: <T>(run: () => T) => T,
): AsyncGenerator<unknown, void, undefined> {
  const span = startCallSpan(
    SpanKind.INTERNAL,
    definition,
    method,
    'in-process',
    enter(() => context.active()),
  );
  const scope = new CallScope(options, timeoutMs);
  let failure: StoaError | undefined;
  try {
    const iterator = context.with(span.context, () => {
      const responses = handler(normaliseRequest(method, request, scope), scope) as AsyncIterable<unknown>;
      return responses[Symbol.asyncIterator]();
    });
    // Each step runs in the context, so that spans begun inside it find their parent.
    const next = () => iterator.next();
    let finished = false;
    try {
      for (;;) {
        const step = await scope.race(context.with(span.context, next));
        if (step.done === true) {
          finished = true;
          return;
        }
        yield filled(method, step.value);
      }
    } finally {
      // A producer that waits for something learns by the signal that nobody listens; its own clean-up is not waited for.
      if (!finished) {
        scope.abort(STOPPED);
        context.with(span.context, () => iterator.return?.())?.catch(() => {});
      }
    }
  } catch (error) {
    failure = toStoaError(error);
    throw failure;
  } finally {
    scope.close();
    span.end(failure);
  }
}
