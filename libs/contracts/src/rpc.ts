/**
 * The types that every contract has on both sides, whatever the channel. The in-process channel and the gRPC channel
 * give the same client type; an implementation does not know which of them calls it.
 */

/** A request as a caller may write it: absent fields have their default value. */
export type DeepPartial<T> = T extends Date | Uint8Array | string | number | boolean | bigint | undefined
  ? T
  : T extends readonly (infer U)[]
    ? readonly DeepPartial<U>[]
    : T extends { $case: string; value: unknown }
      ? { $case: T['$case']; value: DeepPartial<T['value']> }
      : { [K in keyof T]?: DeepPartial<T[K]> };

export interface MessageType<T> {
  encode(message: T): { finish(): Uint8Array };
  decode(input: Uint8Array): T;
  // biome-ignore lint/suspicious/noExplicitAny: generated code is generic over an exactness parameter that cannot be named here
  fromPartial(object: any): T;
}

export interface MethodDefinition {
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: a definition holds methods of many types
  readonly requestType: MessageType<any>;
  readonly requestStream: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly responseType: MessageType<any>;
  readonly responseStream: boolean;
}

/** A generated service definition, for example `MailServiceDefinition`. */
export interface ServiceDefinition {
  readonly name: string;
  /** For example "stoa.storage.v1.MailService". */
  readonly fullName: string;
  readonly methods: { readonly [method: string]: MethodDefinition };
}

export type RequestOf<M extends MethodDefinition> = M['requestType'] extends MessageType<infer T> ? T : never;
export type ResponseOf<M extends MethodDefinition> = M['responseType'] extends MessageType<infer T> ? T : never;

export interface ClientCallOptions {
  signal?: AbortSignal | undefined;
  /** Milliseconds until the call fails with `deadline-exceeded`. Every call has a deadline; the channel's default else. `Infinity` only for subscriptions. */
  timeoutMs?: number | undefined;
  /** Calls with the same key (an account id) go to the same instance while it lives, so that its caches stay warm. */
  routeKey?: string | undefined;
}

type Caller<M extends MethodDefinition> = M['requestStream'] extends true
  ? M['responseStream'] extends true
    ? (requests: AsyncIterable<DeepPartial<RequestOf<M>>>, options?: ClientCallOptions) => AsyncIterable<ResponseOf<M>>
    : (requests: AsyncIterable<DeepPartial<RequestOf<M>>>, options?: ClientCallOptions) => Promise<ResponseOf<M>>
  : M['responseStream'] extends true
    ? (request: DeepPartial<RequestOf<M>>, options?: ClientCallOptions) => AsyncIterable<ResponseOf<M>>
    : (request: DeepPartial<RequestOf<M>>, options?: ClientCallOptions) => Promise<ResponseOf<M>>;

/** What a caller of a contract holds. Every failure is a StoaError. Messages are not to be changed after they were passed. */
export type Client<D extends ServiceDefinition> = { readonly [K in keyof D['methods']]: Caller<D['methods'][K]> };

/** What an implementation learns about a call. */
export interface ServerCall {
  /** Aborted when the caller gave up, the deadline passed, or the connection broke. */
  readonly signal: AbortSignal;
  /** Milliseconds since 1970-01-01 UTC; Infinity when there is none. */
  readonly deadline: number;
}

type Handler<M extends MethodDefinition> = M['requestStream'] extends true
  ? M['responseStream'] extends true
    ? (requests: AsyncIterable<RequestOf<M>>, call: ServerCall) => AsyncIterable<DeepPartial<ResponseOf<M>>>
    : (requests: AsyncIterable<RequestOf<M>>, call: ServerCall) => Promise<DeepPartial<ResponseOf<M>>>
  : M['responseStream'] extends true
    ? (request: RequestOf<M>, call: ServerCall) => AsyncIterable<DeepPartial<ResponseOf<M>>>
    : (request: RequestOf<M>, call: ServerCall) => Promise<DeepPartial<ResponseOf<M>>>;

/** What a service provides for a contract. It throws StoaErrors; anything else reaches the caller as `internal`. */
export type Implementation<D extends ServiceDefinition> = {
  readonly [K in keyof D['methods']]: Handler<D['methods'][K]>;
};
