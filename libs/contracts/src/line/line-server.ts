import type { ServerDuplexStream } from '@grpc/grpc-js';
import { LineServiceDefinition, type OpenRequest, type OpenResponse } from '../gen/stoa/rpc/v1/line.ts';
import { grpcServiceDefinition } from '../grpc-definition.ts';
import type { ServedContract } from '../grpc-server.ts';
import type { ServedMethod } from '../served-method.ts';
import { ServedLine } from './served-line.ts';

/** The lines of a server: any of its contracts may be called on them. */
export class LineServer {
  readonly #methods = new Map<string, ServedMethod>();
  readonly #lines = new Set<ServedLine>();

  /** For a grpc-js server: `server.addService(lines.definition, lines.handlers)`. */
  readonly definition = grpcServiceDefinition(LineServiceDefinition);
  readonly handlers = {
    open: (stream: ServerDuplexStream<OpenRequest, OpenResponse>) => {
      const line = new ServedLine(stream, this.#methods, () => this.#lines.delete(line));
      this.#lines.add(line);
    },
  };

  /** A contract that may be called on the lines. */
  add({ methods }: Pick<ServedContract, 'methods'>): void {
    for (const served of methods.values()) this.#methods.set(served.path, served);
  }

  /** Lines standing. */
  get count(): number {
    return this.#lines.size;
  }

  /** Asks all clients to begin no more calls here. Lines end after their last call. */
  goodbye(): void {
    for (const line of this.#lines) line.goodbye();
  }
}
