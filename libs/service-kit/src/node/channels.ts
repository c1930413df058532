import {
  Balancer,
  type Client,
  type ClientCallOptions,
  createChannel,
  createGrpcClient,
  createInProcessClient,
  isConnected,
  Line,
  type ServiceDefinition,
} from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import type { CoreConfig } from '../config/sections.ts';
import { formatAddress } from '../config/types.ts';
import { channelCredentials } from '../server/credentials.ts';
import type { ContractBinding, ServiceModule, ServiceName } from '../service.ts';
import { enterService } from '../telemetry/service-scope.ts';

/** Who offers each contract. */
export function ownersOf(modules: readonly ServiceModule[]): Map<string, ServiceName> {
  return new Map(
    modules.flatMap((module) => module.offers.map((definition) => [definition.fullName, module.name] as const)),
  );
}

/**
 * A node that was paused or cut off answers nothing: its calls are given up after so long, and go to another where they can
 * be made again. Between processes of one cluster both sides are ours, so that nobody minds the pings.
 */
const KEEPALIVE = { 'grpc.keepalive_time_ms': 2_000, 'grpc.keepalive_timeout_ms': 3_000 };

/** A connection that never stood is waited for no longer than this where there are others. */
const FIRST_CONNECTION_MS = 1_000;

type Caller = (request: unknown, options?: ClientCallOptions) => unknown;

/** A stream that fails at once. */
// biome-ignore lint/correctness/useYield: a stream without items
async function* failing(error: unknown): AsyncGenerator<never, void, undefined> {
  throw error;
}

/** Makes the clients of a process: straight calls to services that run here, gRPC to those that do not. */
export class Channels {
  readonly #cluster: CoreConfig['cluster'];
  readonly #owners: ReadonlyMap<string, ServiceName>;
  readonly #local: ReadonlySet<ServiceName>;
  readonly #bindings = new Map<string, ContractBinding>();
  readonly #remote = new Map<string, { channel: ReturnType<typeof createChannel>; line: Line }>();
  readonly #connections = new Map<string, { stood: boolean; askedAt: number | undefined }>();

  constructor(cluster: CoreConfig['cluster'], owners: ReadonlyMap<string, ServiceName>, local: readonly ServiceName[]) {
    this.#cluster = cluster;
    this.#owners = owners;
    this.#local = new Set(local);
  }

  /** Makes a contract of a service in this process reachable. */
  bind(binding: ContractBinding): void {
    this.#bindings.set(binding.definition.fullName, binding);
  }

  client<D extends ServiceDefinition>(definition: D): Client<D> {
    const owner = this.#owners.get(definition.fullName);
    if (owner === undefined) throw new TypeError(`no service offers ${definition.fullName}`);
    if (this.#local.has(owner)) return this.#localClient(definition, owner);
    return this.#remoteClient(definition, owner);
  }

  /** The implementation may not exist yet when a service asks for its client; it does when the first call is made. */
  #localClient<D extends ServiceDefinition>(definition: D, owner: ServiceName): Client<D> {
    let made: Record<string, Caller> | undefined;
    const get = (): Record<string, Caller> => {
      const binding = this.#bindings.get(definition.fullName);
      if (binding === undefined) throw new StoaError('unavailable', `the ${owner} service has not started yet`);
      made ??= createInProcessClient(definition, binding.implementation as never, {
        enter: (run) => enterService(owner, run),
      }) as unknown as Record<string, Caller>;
      return made;
    };
    const client: Record<string, Caller> = {};
    for (const [name, { responseStream }] of Object.entries(definition.methods)) {
      client[name] = (request, options) => {
        try {
          return (get()[name] as Caller)(request, options);
        } catch (error) {
          return responseStream ? failing(error) : Promise.reject(error);
        }
      };
    }
    return client as Client<D>;
  }

  #remoteClient<D extends ServiceDefinition>(definition: D, owner: ServiceName): Client<D> {
    const addresses = this.#cluster.services[owner] ?? [];
    if (addresses.length === 0) {
      throw new StoaError(
        'invalid-configuration',
        `the ${owner} service is needed but does not run in this process: name its addresses in cluster.services.${owner}, or start it here too`,
      );
    }
    const endpoints = addresses.map((address) => {
      const name = formatAddress(address);
      let remote = this.#remote.get(name);
      if (remote === undefined) {
        const channel = createChannel(name, channelCredentials(this.#cluster.tls, address), KEEPALIVE);
        remote = { channel, line: new Line(channel) };
        this.#remote.set(name, remote);
      }
      const { channel, line } = remote;
      return {
        name,
        client: createGrpcClient(definition, channel, { line }),
        usable: this.#usability(name, channel),
      };
    });
    return new Balancer(definition, endpoints).client;
  }

  /** Whether calls had better go to this address; the same answer for every contract that is spoken with it. */
  #usability(name: string, channel: ReturnType<typeof createChannel>): () => boolean {
    let known = this.#connections.get(name);
    if (known === undefined) {
      known = { stood: false, askedAt: undefined };
      this.#connections.set(name, known);
    }
    const connection = known;
    return () => {
      if (isConnected(channel)) {
        connection.stood = true;
        return true;
      }
      connection.askedAt ??= Date.now();
      return !connection.stood && Date.now() - connection.askedAt < FIRST_CONNECTION_MS;
    };
  }

  close(): void {
    for (const { channel, line } of this.#remote.values()) {
      line.close();
      channel.close();
    }
    this.#remote.clear();
  }
}
