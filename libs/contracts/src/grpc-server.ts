import { once } from 'node:events';
import type { Readable } from 'node:stream';
import type {
  ServiceDefinition as GrpcServiceDefinition,
  handleBidiStreamingCall,
  handleClientStreamingCall,
  handleServerStreamingCall,
  handleUnaryCall,
  Metadata,
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { ROOT_CONTEXT, SpanKind } from '@opentelemetry/api';
import { StoaError, toStoaError } from '@stoa/plugin-sdk';
import { toStatus } from './error-status.ts';
import { EMPTY_REQUEST, EXPLICIT_END_KEY, grpcServiceDefinition } from './grpc-definition.ts';
import type { Implementation, MethodDefinition, ServerCall, ServiceDefinition } from './rpc.ts';
import { type CallSpan, context, iterateWith, propagation, startCallSpan } from './trace.ts';

type AnyHandler = (request: unknown, call: ServerCall) => unknown;
type UnaryOrReading = ServerUnaryCall<unknown, unknown> | ServerReadableStream<unknown, unknown>;
type Writing = ServerWritableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>;
/** What the four kinds of call have in common, which is all that is used of them. */
type AnyServerCall = Pick<UnaryOrReading, 'metadata' | 'getDeadline'> & {
  on(event: 'cancelled', listener: () => void): unknown;
};

export interface ServedContract {
  readonly definition: GrpcServiceDefinition;
  readonly handlers: UntypedServiceImplementation;
}

export interface ServeOptions {
  /** Called with every failure, for the log; the wire carries the code and, where it is a StoaError, the message. */
  onError?: (error: unknown, method: string) => void;
  /** Enters the context of the service that owns the handlers, so that the call's spans carry that service's name. */
  enter?: <T>(run: () => T) => T;
}

/** A contract's implementation as handlers for a grpc-js server: `server.addService(served.definition, served.handlers)`. */
export function serveContract<D extends ServiceDefinition>(
  definition: D,
  implementation: Implementation<D>,
  options: ServeOptions = {},
): ServedContract {
  const handlers: UntypedServiceImplementation = {};
  for (const [name, method] of Object.entries(definition.methods)) {
    const handler = (implementation as Record<string, AnyHandler>)[name];
    if (handler === undefined) throw new TypeError(`${definition.fullName} has no implementation of ${method.name}`);
    handlers[name] = adapt(definition, method, handler.bind(implementation), options);
  }
  return { definition: grpcServiceDefinition(definition), handlers };
}

const carrier = {
  get: (metadata: Metadata, key: string): string | undefined => {
    const value = metadata.get(key)[0];
    return typeof value === 'string' ? value : undefined;
  },
  keys: (metadata: Metadata): string[] => Object.keys(metadata.getMap()),
};

/** The signal and deadline of a call that arrived, and its span. */
function openCall(
  definition: ServiceDefinition,
  method: MethodDefinition,
  call: AnyServerCall,
  enter: <T>(run: () => T) => T,
) {
  const controller = new AbortController();
  const deadline = call.getDeadline();
  const serverCall: ServerCall = { signal: controller.signal, deadline: Number(deadline) };
  let answered = false;
  // grpc-js says so at the end of every call, also of one that was answered.
  call.on('cancelled', () => {
    if (answered) return;
    controller.abort(
      Date.now() >= serverCall.deadline
        ? new StoaError('deadline-exceeded', 'the deadline passed')
        : new StoaError('cancelled', 'the caller gave up, or the connection broke'),
    );
  });
  // Whatever context the connection was accepted in is not this call's.
  const parent = context.with(ROOT_CONTEXT, () =>
    enter(() => propagation.extract(context.active(), call.metadata, carrier)),
  );
  return {
    serverCall,
    span: startCallSpan(SpanKind.SERVER, definition, method, 'grpc', parent),
    /** Nobody is left whom an abort would tell something. */
    answered() {
      answered = true;
    },
  };
}

/**
 * The requests of a stream. One that breaks off ends with an error, never as if it were whole; and a handler that stops
 * reading leaves the other direction alone.
 */
async function* requestsOf(
  call: Readable & { metadata: Metadata },
  method: MethodDefinition,
  { signal }: ServerCall,
): AsyncGenerator<unknown, void, undefined> {
  const explicitEnd = call.metadata.get(EXPLICIT_END_KEY).length > 0;
  let held = false;
  try {
    for await (const request of call.iterator({ destroyOnReturn: false })) {
      // Only the last of the empty ones is the end.
      if (held) yield method.requestType.fromPartial({});
      held = request === EMPTY_REQUEST;
      if (!held) yield request;
    }
  } catch (error) {
    throw signal.aborted ? signal.reason : toStoaError(error);
  }
  if (signal.aborted) throw signal.reason;
  if (explicitEnd && !held) throw new StoaError('cancelled', 'the request stream broke off');
  if (held && !explicitEnd) yield method.requestType.fromPartial({});
}

type Adapted =
  | handleUnaryCall<unknown, unknown>
  | handleClientStreamingCall<unknown, unknown>
  | handleServerStreamingCall<unknown, unknown>
  | handleBidiStreamingCall<unknown, unknown>;

function adapt(
  definition: ServiceDefinition,
  method: MethodDefinition,
  handler: AnyHandler,
  options: ServeOptions,
): Adapted {
  const enter = options.enter ?? ((run) => run());
  const name = `${definition.name}/${method.name}`;
  const failed = (span: CallSpan, error: unknown) => {
    span.end(toStoaError(error));
    options.onError?.(error, name);
    return toStatus(error);
  };
  const requestOf = (call: AnyServerCall, serverCall: ServerCall): unknown =>
    method.requestStream
      ? requestsOf(call as unknown as Readable & { metadata: Metadata }, method, serverCall)
      : (call as unknown as { request: unknown }).request;
  if (method.responseStream) {
    return async (call: Writing) => {
      const { serverCall, span, answered } = openCall(definition, method, call, enter);
      try {
        const responses = context.with(
          span.context,
          () => handler(requestOf(call, serverCall), serverCall) as AsyncIterable<unknown>,
        );
        for await (const response of iterateWith(span.context, responses)) {
          serverCall.signal.throwIfAborted();
          if (!call.write(method.responseType.fromPartial(response ?? {}))) {
            await once(call, 'drain', { signal: serverCall.signal });
          }
        }
        span.end();
        answered();
        call.end();
      } catch (error) {
        const status = failed(span, serverCall.signal.aborted ? serverCall.signal.reason : error);
        call.emit('error', status);
      }
    };
  }
  return (call: UnaryOrReading, callback: sendUnaryData<unknown>) => {
    const { serverCall, span, answered } = openCall(definition, method, call, enter);
    const run = async () => handler(requestOf(call, serverCall), serverCall);
    context.with(span.context, run).then(
      (response) => {
        span.end();
        answered();
        callback(null, method.responseType.fromPartial(response ?? {}));
      },
      (error: unknown) => callback(failed(span, serverCall.signal.aborted ? serverCall.signal.reason : error)),
    );
  };
}
