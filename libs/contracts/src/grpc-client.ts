import { isIP } from 'node:net';
import {
  type CallOptions,
  type ChannelCredentials,
  type ChannelOptions,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientWritableStream,
  connectivityState,
  Client as GrpcClient,
  Metadata,
} from '@grpc/grpc-js';
import { type Context, SpanKind } from '@opentelemetry/api';
import { StoaError, toStoaError } from '@stoa/plugin-sdk';
import { CallEnd } from './call-end.ts';
import { DEFAULT_TIMEOUT_MS } from './call-scope.ts';
import { fromCallStatus } from './error-status.ts';
import { EXPLICIT_END_KEY, grpcMethod } from './grpc-definition.ts';
import { MAX_TRANSPORT_BYTES } from './limits.ts';
import type { Line } from './line/line.ts';
import { LineMethod } from './line/line-method.ts';
import type { Client, ClientCallOptions, MethodDefinition, ServiceDefinition } from './rpc.ts';
import { context, propagation, startCallSpan } from './trace.ts';

/** Options of every channel. The window is grpc-js's own option and counts for the client's side only. */
export const CHANNEL_OPTIONS: ChannelOptions = {
  'grpc.max_receive_message_length': MAX_TRANSPORT_BYTES,
  'grpc.max_send_message_length': MAX_TRANSPORT_BYTES,
  'grpc.keepalive_time_ms': 10_000,
  'grpc.keepalive_timeout_ms': 5_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 2_000,
  'grpc.use_local_subchannel_pool': 1,
  'grpc-node.flow_control_window': 4 * 1024 * 1024,
  // Nobody asks for what it counts of each call.
  'grpc.enable_channelz': 0,
};

/** How often a wait for a connection looks again, should no change be told. */
const CONNECT_CHECK_MS = 1_000;

/** How long, and for how many responses, a stream that nobody reads any more may go on to its end. */
const LEAVE_MS = 100;
const LEAVE_RESPONSES = 2;

/** What TLS calls a server that is reached by its IP address, which server name indication cannot carry (RFC 6066). */
const NAME_OF_ADDRESSES = 'stoa.invalid';

/**
 * A connection to one address; clients of several contracts may share it. Credentials for TLS check the server's certificate
 * against the address on their own: what gRPC would check is the name that was indicated.
 */
export function createChannel(
  address: string,
  credentials: ChannelCredentials,
  options: ChannelOptions = {},
): GrpcClient {
  const isAddress = isIP(address.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')) !== 0;
  const name = isAddress ? { 'grpc.ssl_target_name_override': NAME_OF_ADDRESSES } : {};
  return new GrpcClient(address, credentials, { ...CHANNEL_OPTIONS, ...name, ...options });
}

/** Whether a connection stands; begins to make one where there is none. */
export function isConnected(channel: GrpcClient): boolean {
  return channel.getChannel().getConnectivityState(true) === connectivityState.READY;
}

export interface GrpcClientOptions {
  /** Milliseconds for calls that do not say; see DEFAULT_TIMEOUT_MS. */
  defaultTimeoutMs?: number;
  /** Takes the calls while it stands, which costs less than a stream of HTTP/2 for each. Of the same channel. */
  line?: Line;
}

/** A client of a contract over a gRPC connection. */
export function createGrpcClient<D extends ServiceDefinition>(
  definition: D,
  channel: GrpcClient,
  options: GrpcClientOptions = {},
): Client<D> {
  const timeoutMs = options.defaultTimeoutMs ?? DEFAULT_TIMEOUT_MS;
  const client: Record<string, unknown> = {};
  for (const [name, method] of Object.entries(definition.methods)) {
    const alone = new Call(channel, definition, method, timeoutMs);
    const together = new LineMethod(definition, method, timeoutMs);
    client[name] = method.responseStream
      ? (request: unknown, callOptions?: ClientCallOptions) => {
          const line = options.line?.current();
          return line ? together.stream(line, request, callOptions) : alone.stream(request, callOptions);
        }
      : (request: unknown, callOptions?: ClientCallOptions) => {
          const line = options.line?.current();
          return line ? together.single(line, request, callOptions) : alone.single(request, callOptions);
        };
  }
  return client as Client<D>;
}

const carrier = { set: (metadata: Metadata, key: string, value: string) => metadata.set(key, value) };

class Call {
  readonly #channel: GrpcClient;
  readonly #definition: ServiceDefinition;
  readonly #method: MethodDefinition;
  readonly #grpc: ReturnType<typeof grpcMethod>;
  readonly #timeoutMs: number;

  constructor(channel: GrpcClient, definition: ServiceDefinition, method: MethodDefinition, timeoutMs: number) {
    this.#channel = channel;
    this.#definition = definition;
    this.#method = method;
    this.#grpc = grpcMethod(definition, method);
    this.#timeoutMs = timeoutMs;
  }

  #options(options: ClientCallOptions | undefined): CallOptions {
    const timeoutMs = options?.timeoutMs ?? this.#timeoutMs;
    return timeoutMs === Number.POSITIVE_INFINITY ? {} : { deadline: Date.now() + timeoutMs };
  }

  #metadata(spanContext: Context): Metadata {
    const metadata = new Metadata();
    propagation.inject(spanContext, metadata, carrier);
    if (this.#method.requestStream) metadata.set(EXPLICIT_END_KEY, '1');
    return metadata;
  }

  /** "host:port", without the scheme by which the name is resolved. */
  #peer(): string {
    return this.#channel.getChannel().getTarget().replace(/^dns:/, '');
  }

  #span() {
    return startCallSpan(SpanKind.CLIENT, this.#definition, this.#method, 'grpc', context.active());
  }

  async single(request: unknown, options: ClientCallOptions | undefined): Promise<unknown> {
    const span = this.#span();
    const { path, requestSerialize, responseDeserialize } = this.#grpc;
    let unlisten: (() => void) | undefined;
    try {
      throwIfAborted(options?.signal);
      const response = await new Promise<unknown>((resolve, reject) => {
        const done = (error: unknown, value: unknown) => (error ? reject(error) : resolve(value));
        const metadata = this.#metadata(span.context);
        const callOptions = this.#options(options);
        if (!this.#method.requestStream) {
          const message = this.#method.requestType.fromPartial(request ?? {});
          const call = this.#channel.makeUnaryRequest(
            path,
            requestSerialize,
            responseDeserialize,
            message,
            metadata,
            callOptions,
            done,
          );
          unlisten = onAbort(options?.signal, () => call.cancel());
          return;
        }
        const call = this.#channel.makeClientStreamRequest(
          path,
          requestSerialize,
          responseDeserialize,
          metadata,
          callOptions,
          done,
        );
        unlisten = onAbort(options?.signal, () => call.cancel());
        this.#send(call, request as AsyncIterable<unknown>).catch((error) => {
          call.cancel();
          reject(toStoaError(error));
        });
      });
      span.end();
      return response;
    } catch (error) {
      const failure = fromCallStatus(error, options?.signal, this.#peer());
      span.end(failure);
      throw failure;
    } finally {
      unlisten?.();
    }
  }

  async *stream(request: unknown, options: ClientCallOptions | undefined): AsyncGenerator<unknown, void, undefined> {
    const span = this.#span();
    const { path, requestSerialize, responseDeserialize } = this.#grpc;
    let call: ClientReadableStream<unknown> | ClientDuplexStream<unknown, unknown> | undefined;
    let unlisten: (() => void) | undefined;
    let failure: StoaError | undefined;
    let sendFailure: unknown;
    try {
      throwIfAborted(options?.signal);
      const metadata = this.#metadata(span.context);
      const callOptions = this.#options(options);
      if (this.#method.requestStream) {
        const duplex = this.#channel.makeBidiStreamRequest(
          path,
          requestSerialize,
          responseDeserialize,
          metadata,
          callOptions,
        );
        call = duplex;
        this.#send(duplex, request as AsyncIterable<unknown>).catch((error) => {
          sendFailure = error;
          duplex.cancel();
        });
      } else {
        const message = this.#method.requestType.fromPartial(request ?? {});
        call = this.#channel.makeServerStreamRequest(
          path,
          requestSerialize,
          responseDeserialize,
          message,
          metadata,
          callOptions,
        );
      }
      const opened = call;
      // The iterator below reports a failure; without a listener of its own the stream would throw it once more after an early end.
      opened.on('error', () => {});
      unlisten = onAbort(options?.signal, () => opened.cancel());
      for await (const response of opened.iterator({ destroyOnReturn: false })) yield response;
      call = undefined;
    } catch (error) {
      call = undefined;
      failure =
        sendFailure === undefined ? fromCallStatus(error, options?.signal, this.#peer()) : toStoaError(sendFailure);
      throw failure;
    } finally {
      unlisten?.();
      if (call !== undefined) leave(call);
      span.end(failure);
    }
  }

  /**
   * Sends the requests as fast as the other side takes them. A call that ended meanwhile takes no more: then the source is
   * closed, and what the call ended with is told by its result.
   */
  async #send(
    call: ClientWritableStream<unknown> | ClientDuplexStream<unknown, unknown>,
    requests: AsyncIterable<unknown>,
  ) {
    const end = new CallEnd();
    const reach = () => end.reach();
    call.once('status', reach);
    call.once('error', reach);
    await this.#connected(end);
    if (end.reached) return;
    const iterator = requests[Symbol.asyncIterator]();
    for (;;) {
      const step = await end.or<IteratorResult<unknown>>((resolve, reject) => {
        iterator.next().then(resolve, reject);
      });
      if (end.reached || step === undefined) break;
      if (step.done === true) {
        call.write(this.#method.requestType.fromPartial({}));
        call.end();
        return;
      }
      if (call.write(this.#method.requestType.fromPartial(step.value ?? {}))) continue;
      await end.or<void>((resolve) => call.once('drain', resolve));
    }
    Promise.resolve(iterator.return?.()).catch(() => {});
  }

  /** Waits until the connection stands, so that nothing is taken from a request stream for a call that never gets anywhere. */
  async #connected(end: CallEnd): Promise<void> {
    const channel = this.#channel.getChannel();
    for (let connect = true; !end.reached; connect = false) {
      const state = channel.getConnectivityState(connect);
      if (state === connectivityState.READY) return;
      if (state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN) {
        throw new StoaError('unavailable', 'no connection could be made');
      }
      const lookAgainAt = Date.now() + CONNECT_CHECK_MS;
      await end.or<void>((resolve) => channel.watchConnectivityState(state, lookAgainAt, () => resolve()));
    }
  }
}

/**
 * Ends a stream of which no more is wanted. A server takes only so many resets on a connection (nghttp2: a thousand, and then
 * 33 a second) before it ends the connection with every call on it, so a stream whose end is close is read up to it.
 */
function leave(call: ClientReadableStream<unknown> | ClientDuplexStream<unknown, unknown>): void {
  const timer = setTimeout(() => call.cancel(), LEAVE_MS).unref();
  let responses = 0;
  call.on('data', () => {
    responses += 1;
    if (responses > LEAVE_RESPONSES) call.cancel();
  });
  const over = () => clearTimeout(timer);
  call.once('end', over);
  call.once('error', over);
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new StoaError('cancelled', 'the caller gave up', { cause: signal.reason });
}

function onAbort(signal: AbortSignal | undefined, run: () => void): (() => void) | undefined {
  if (signal === undefined) return undefined;
  signal.addEventListener('abort', run, { once: true });
  return () => signal.removeEventListener('abort', run);
}
