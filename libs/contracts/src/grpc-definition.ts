import type { MethodDefinition as GrpcMethod, ServiceDefinition as GrpcService } from '@grpc/grpc-js';
import type { MethodDefinition, ServiceDefinition } from './rpc.ts';

const definitions = new WeakMap<ServiceDefinition, GrpcService>();

/** What grpc-js wants to know of a method: its path, its kind, and how messages become bytes. */
export function grpcMethod(definition: ServiceDefinition, method: MethodDefinition): GrpcMethod<unknown, unknown> {
  const encode = (type: MethodDefinition['requestType']) => (message: unknown) => {
    const bytes = type.encode(message).finish();
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
  return {
    path: `/${definition.fullName}/${method.name}`,
    requestStream: method.requestStream,
    responseStream: method.responseStream,
    requestSerialize: encode(method.requestType),
    requestDeserialize: (bytes) => method.requestType.decode(bytes),
    responseSerialize: encode(method.responseType),
    responseDeserialize: (bytes) => method.responseType.decode(bytes),
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
