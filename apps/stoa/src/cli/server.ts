import { type Client, createChannel, createGrpcClient, type ServiceDefinition } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import { type Address, channelCredentials, formatAddress, parseAddress } from '@stoa/service-kit';
import type { Command } from 'commander';
import { type OpenOptions, openConfig } from './config.ts';

export interface ServerOptions extends OpenOptions {
  server?: string;
}

/** Where the demo listens for the commands. */
const DEMO_ADDRESS = '127.0.0.1:2070';

/** Adds the options that say which server a command speaks to. */
export function withServer(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration of the node to speak to')
    .option('--server <host:port>', "gRPC address to speak to, in place of the configuration's [cluster] listen")
    .option('--json', 'write JSON');
}

/** A line to a running node. */
export class ServerConnection implements AsyncDisposable {
  readonly #channel: ReturnType<typeof createChannel>;

  private constructor(channel: ReturnType<typeof createChannel>) {
    this.#channel = channel;
  }

  /** By --server, by the configuration, or the demo's address when there is neither. */
  static async open(options: ServerOptions): Promise<ServerConnection> {
    const document = await openConfig(options).catch((error: unknown) => {
      if (options.config !== undefined) throw error;
      return undefined;
    });
    const cluster = document?.core().cluster;
    const text = options.server ?? (cluster?.listen === undefined ? DEMO_ADDRESS : formatAddress(cluster.listen));
    const address = parseAddress(text);
    if (address === undefined)
      throw new StoaError('invalid-argument', `--server ${text}: expected host and port, such as "${DEMO_ADDRESS}"`);
    return new ServerConnection(createChannel(text, channelCredentials(cluster?.tls, reachable(address))));
  }

  client<D extends ServiceDefinition>(definition: D): Client<D> {
    return createGrpcClient(definition, this.#channel);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#channel.close();
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
