import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { logVerbosity, Server, setLogVerbosity } from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { LineServer, MAX_TRANSPORT_BYTES, serveContract } from '@stoa/contracts';
import { isStoaError, StoaError } from '@stoa/plugin-sdk';
import { HealthImplementation } from 'grpc-health-check';
import type { CoreConfig } from '../config/sections.ts';
import { type Address, type Endpoint, formatEndpoint } from '../config/types.ts';
import type { ContractBinding } from '../service.ts';
import type { Logger } from '../telemetry/logger.ts';
import { enterService } from '../telemetry/service-scope.ts';
import { serverCredentials } from './credentials.ts';

export interface OwnedBinding extends ContractBinding {
  /** Service that the contract belongs to, for its spans. */
  readonly owner: string;
}

/** The gRPC server of a process: the contracts of all its services, health and reflection. */
export class ContractServer {
  readonly #server: Server;
  readonly #health = new HealthImplementation({ '': 'NOT_SERVING' });
  readonly #lines = new LineServer();
  readonly #names: string[] = [];
  readonly #logger: Logger;
  #listening = false;

  constructor(logger: Logger, { maxMessageBytes = MAX_TRANSPORT_BYTES }: { maxMessageBytes?: number } = {}) {
    this.#logger = logger;
    // What goes wrong is told by errors, not on standard error.
    setLogVerbosity(logVerbosity.NONE);
    this.#server = new Server({
      'grpc.max_receive_message_length': maxMessageBytes,
      'grpc.max_send_message_length': maxMessageBytes,
      // A client whose machine vanished holds its streams for this long, no longer.
      'grpc.keepalive_time_ms': 20_000,
      'grpc.keepalive_timeout_ms': 10_000,
      // Nobody asks for what it counts of each call.
      'grpc.enable_channelz': 0,
    });
    this.#health.addToServer(this.#server);
    this.#server.addService(this.#lines.definition, this.#lines.handlers);
    const descriptors = readFileSync(fileURLToPath(import.meta.resolve('@stoa/contracts/descriptors.binpb')));
    new ReflectionService(loadFileDescriptorSetFromBuffer(descriptors)).addToServer(this.#server);
  }

  /** Adds a contract; only before `listen`. */
  add(binding: OwnedBinding): void {
    const served = serveContract(binding.definition, binding.implementation, {
      enter: (run) => enterService(binding.owner, run),
      onError: (error, method) => this.#logError(error, method),
    });
    this.#server.addService(served.definition, served.handlers);
    this.#lines.add(served);
    this.#names.push(binding.definition.fullName);
    this.#health.setStatus(binding.definition.fullName, 'NOT_SERVING');
  }

  /** What the caller gets is a code; the cause is here. Refusals that callers act on are no news. */
  #logError(error: unknown, method: string): void {
    if (isStoaError(error) && error.code !== 'internal' && error.code !== 'data-loss') return;
    this.#logger.error({ error, method }, 'a call failed');
  }

  /** Resolves to where it listens, with the port that was bound. `what` names the server in messages. */
  async listen<E extends Endpoint = Address>(endpoint: E, tls: CoreConfig['cluster']['tls'], what = 'cluster.listen') {
    const credentials = serverCredentials(tls, endpoint, { logger: this.#logger });
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(formatEndpoint(endpoint), credentials, (error, bound) => {
        if (error === null) resolve(bound);
        else
          reject(
            new StoaError('unavailable', `${what}: cannot listen on ${formatEndpoint(endpoint)}: ${error.message}`, {
              cause: error,
            }),
          );
      });
    });
    this.#listening = true;
    return 'path' in endpoint ? endpoint : { ...endpoint, port };
  }

  setServing(serving: boolean): void {
    for (const name of ['', ...this.#names]) this.#health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING');
  }

  /** Lets calls under way end, for at most `timeoutMs`, then breaks off the rest. */
  async stop(timeoutMs: number): Promise<void> {
    if (!this.#listening) return;
    this.#listening = false;
    this.setServing(false);
    this.#lines.goodbye();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        this.#server.forceShutdown();
        resolve();
      }, timeoutMs);
      this.#server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
