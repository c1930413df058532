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
import { StoaError, toStoaError } from '@stoa/plugin-sdk';
import { toStatus } from './error-status.ts';
import { EMPTY_REQUEST, EXPLICIT_END_KEY, grpcServiceDefinition } from './grpc-definition.ts';
import type { Implementation, MethodDefinition, ServiceDefinition } from './rpc.ts';
import { type ServedMethod, type ServedScope, type ServeOptions, servedMethods } from './served-method.ts';

type UnaryOrReading = ServerUnaryCall<unknown, unknown> | ServerReadableStream<unknown, unknown>;
type Writing = ServerWritableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>;
/** What the four kinds of call have in common, which is all that is used of them. */
type AnyServerCall = Pick<UnaryOrReading, 'metadata' | 'getDeadline'> & {
  on(event: 'cancelled', listener: () => void): unknown;
};

export interface ServedContract {
  readonly definition: GrpcServiceDefinition;
  readonly handlers: UntypedServiceImplementation;
  /** By the names of the definition, for what brings calls in another way. */
  readonly methods: ReadonlyMap<string, ServedMethod>;
}

/** A contract's implementation as handlers for a grpc-js server: `server.addService(served.definition, served.handlers)`. */
export function serveContract<D extends ServiceDefinition>(
  definition: D,
  implementation: Implementation<D>,
  options: ServeOptions = {},
): ServedContract {
  const methods = servedMethods(definition, implementation, options);
  const handlers = Object.fromEntries([...methods].map(([name, method]) => [name, adapt(method)]));
  return { definition: grpcServiceDefinition(definition), handlers, methods };
}

const carrier = {
  get: (metadata: Metadata, key: string): string | undefined => {
    const value = metadata.get(key)[0];
    return typeof value === 'string' ? value : undefined;
  },
  keys: (metadata: Metadata): string[] => Object.keys(metadata.getMap()),
};

/** The signal and deadline of a call that arrived. */
class GrpcScope implements ServedScope {
  readonly deadline: number;
  readonly #controller = new AbortController();
  #answered = false;

  constructor(call: AnyServerCall) {
    this.deadline = Number(call.getDeadline());
    // grpc-js says so at the end of every call, also of one that was answered.
    call.on('cancelled', () => {
      if (this.#answered) return;
      this.#controller.abort(
        Date.now() >= this.deadline
          ? new StoaError('deadline-exceeded', 'the deadline passed')
          : new StoaError('cancelled', 'the caller gave up, or the connection broke'),
      );
    });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get reason(): unknown {
    return this.signal.reason;
  }

  /** Nobody is left whom an abort would tell something. */
  answered(): void {
    this.#answered = true;
  }
}

/**
 * The requests of a stream. One that breaks off ends with an error, never as if it were whole; and a handler that stops
 * reading leaves the other direction alone.
 */
async function* requestsOf(
  call: Readable & { metadata: Metadata },
  method: MethodDefinition,
  { signal }: ServedScope,
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

function adapt(served: ServedMethod): Adapted {
  const { method } = served;
  const requestOf = (call: AnyServerCall, scope: ServedScope): unknown =>
    method.requestStream
      ? requestsOf(call as unknown as Readable & { metadata: Metadata }, method, scope)
      : (call as unknown as { request: unknown }).request;
  if (method.responseStream) {
    return async (call: Writing) => {
      const scope = new GrpcScope(call);
      const take = (response: unknown) =>
        call.write(response) ? undefined : once(call, 'drain', { signal: scope.signal });
      try {
        await served.begin(scope, call.metadata, carrier).respond(requestOf(call, scope), take);
        scope.answered();
        call.end();
      } catch (error) {
        call.emit('error', toStatus(error));
      }
    };
  }
  return (call: UnaryOrReading, callback: sendUnaryData<unknown>) => {
    const scope = new GrpcScope(call);
    served
      .begin(scope, call.metadata, carrier)
      .answer(requestOf(call, scope))
      .then(
        (response) => {
          scope.answered();
          callback(null, response);
        },
        (error: unknown) => callback(toStatus(error)),
      );
  };
}
