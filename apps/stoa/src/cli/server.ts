import { Balancer, type Client, createChannel, createGrpcClient, type ServiceDefinition } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import { type Address, channelCredentials, formatAddress, ownersOf, parseAddress } from '@stoa/service-kit';
import type { Command } from 'commander';
import { SERVICES } from '../services.ts';
import { type OpenOptions, openConfig } from './config.ts';

export interface ServerOptions extends OpenOptions {
  server?: string;
  json?: boolean;
}

/** Where the demo listens for the commands. */
const DEMO_ADDRESS = '127.0.0.1:2070';

const OWNERS = ownersOf(SERVICES);

/** Adds the options that say which server a command speaks to. */
export function withServer(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration of the node to speak to')
    .option(
      '--server <host:port>',
      "gRPC address to speak to, in place of the configuration's [cluster.services] and [cluster] listen",
    )
    .option('--json', 'write JSON');
}

type Channel = ReturnType<typeof createChannel>;
type Cluster = ReturnType<Awaited<ReturnType<typeof openConfig>>['core']>['cluster'];

/** Lines to a running node, or to the processes of a cluster. */
export class ServerConnection implements AsyncDisposable {
  readonly #cluster: Cluster | undefined;
  /** The only address, by --server. */
  readonly #server: Address | undefined;
  readonly #channels = new Map<string, Channel>();

  private constructor(cluster: Cluster | undefined, server: Address | undefined) {
    this.#cluster = cluster;
    this.#server = server;
  }

  /** By --server, by the configuration, or the demo's address when there is neither. */
  static async open(options: ServerOptions): Promise<ServerConnection> {
    const document = await openConfig(options).catch((error: unknown) => {
      if (options.config !== undefined) throw error;
      return undefined;
    });
    const server = options.server === undefined ? undefined : parseAddress(options.server);
    if (options.server !== undefined && server === undefined) {
      throw new StoaError(
        'invalid-argument',
        `--server ${options.server}: expected host and port, such as "${DEMO_ADDRESS}"`,
      );
    }
    return new ServerConnection(document?.core().cluster, server);
  }

  /**
   * A client of a contract: where the configuration says that its service is, else of the process that the configuration is of.
   */
  client<D extends ServiceDefinition>(definition: D): Client<D> {
    const endpoints = this.#addressesOf(definition).map((name) => ({
      name,
      client: createGrpcClient(definition, this.channel(name)),
    }));
    return new Balancer(definition, endpoints).client;
  }

  /** A client for each process that has the service of a contract. */
  clients<D extends ServiceDefinition>(definition: D): { address: string; client: Client<D> }[] {
    return this.#addressesOf(definition).map((address) => ({
      address,
      client: createGrpcClient(definition, this.channel(address)),
    }));
  }

  /** Addresses of all processes that are known, and what runs there as far as the configuration tells. */
  get processes(): { address: string; services: string[] }[] {
    const known = new Map<string, string[]>();
    if (this.#server === undefined) {
      for (const [service, addresses] of Object.entries(this.#cluster?.services ?? {})) {
        for (const address of addresses.map(formatAddress)) {
          known.set(address, [...(known.get(address) ?? []), service]);
        }
      }
    }
    // A configuration that several processes share may leave each one's own address to its environment.
    const own = this.#own;
    const isNamed = this.#server !== undefined || this.#cluster?.listen !== undefined || known.size === 0;
    if (isNamed && !known.has(own)) known.set(own, []);
    return [...known].map(([address, services]) => ({ address, services }));
  }

  channel(address: string): Channel {
    let channel = this.#channels.get(address);
    if (channel === undefined) {
      channel = createChannel(address, channelCredentials(this.#cluster?.tls, parseAddress(address) as Address));
      this.#channels.set(address, channel);
    }
    return channel;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const channel of this.#channels.values()) channel.close();
  }

  get #own(): string {
    const address = this.#server ?? this.#cluster?.listen;
    return address === undefined ? DEMO_ADDRESS : formatAddress(reachable(address));
  }

  #addressesOf(definition: ServiceDefinition): string[] {
    const owner = OWNERS.get(definition.fullName);
    const named = this.#server === undefined && owner !== undefined ? this.#cluster?.services[owner] : undefined;
    return named === undefined || named.length === 0 ? [this.#own] : named.map(formatAddress);
  }
}

/** An address to listen on everywhere is reached on this host. */
function reachable(address: Address): Address {
  return address.host === '0.0.0.0' || address.host === '::' ? { ...address, host: '127.0.0.1' } : address;
}

/** Runs a command against a node and closes the line after it. */
export async function withConnection<T>(
  options: ServerOptions,
  run: (server: ServerConnection) => Promise<T>,
): Promise<T> {
  await using server = await ServerConnection.open(options);
  try {
    return await run(server);
  } catch (error) {
    if (error instanceof StoaError && error.code === 'unavailable') {
      throw new StoaError(
        'unavailable',
        `the server cannot be reached or cannot do it now (${error.message}); is it running? Name its address with --server`,
        { cause: error },
      );
    }
    throw error;
  }
}
