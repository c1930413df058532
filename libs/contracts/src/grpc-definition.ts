import type { MethodDefinition as GrpcMethod, ServiceDefinition as GrpcService } from '@grpc/grpc-js';
import type { MethodDefinition, ServiceDefinition } from './rpc.ts';

/**
 * Set by a client that ends its request streams with an empty message. A call that is cancelled, or runs out of time, half-closes
 * its stream before it resets it (Node's http2 does), so a server cannot tell a stream that broke off from a whole one by
 * the half-close alone: half a message would be delivered. Strangers' clients do not set it; for them the half-close counts.
 */
export const EXPLICIT_END_KEY = 'stoa-explicit-end';

/** What an empty message of a request stream is read as. */
export const EMPTY_REQUEST: unique symbol = Symbol('empty request');

const definitions = new WeakMap<ServiceDefinition, GrpcService>();

/** What grpc-js wants to know of a method: its path, its kind, and how messages become bytes. */
export function grpcMethod(definition: ServiceDefinition, method: MethodDefinition): GrpcMethod<unknown, unknown> {
  const encode = (type: MethodDefinition['requestType']) => (message: unknown) => {
    const bytes = type.encode(message).finish();
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
  // Octets in messages are plain Uint8Arrays, as types say: a Buffer's `slice` and `toString` do other things.
  const decode = (type: MethodDefinition['requestType'], bytes: Buffer) =>
    type.decode(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
  return {
    path: `/${definition.fullName}/${method.name}`,
    requestStream: method.requestStream,
    responseStream: method.responseStream,
    requestSerialize: encode(method.requestType),
    requestDeserialize: (bytes) =>
      method.requestStream && bytes.length === 0 ? EMPTY_REQUEST : decode(method.requestType, bytes),
    responseSerialize: encode(method.responseType),
    responseDeserialize: (bytes) => decode(method.responseType, bytes),
  };
}

export function grpcServiceDefinition(definition: ServiceDefinition): GrpcService {
  let found = definitions.get(definition);
  if (found === undefined) {
    found = Object.fromEntries(
      Object.entries(definition.methods).map(([name, method]) => [name, grpcMethod(definition, method)]),
    );
    definitions.set(definition, found);
  }
  return found;
}
