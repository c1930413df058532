import { type Client, createChannel, createGrpcClient, plugin, type ServiceDefinition } from '@stoa/contracts';
import {
  type CallOptions,
  cancellation,
  type DriverKind,
  hasCode,
  SDK_VERSION,
  StoaError,
  throwIfCancelled,
  toStoaError,
} from '@stoa/plugin-sdk';
import { satisfies, validRange } from 'semver';
import { type Endpoint, formatEndpoint } from '../../config/types.ts';
import { channelCredentials } from '../../server/credentials.ts';
import type { RemoteConfig } from './factory.ts';

/** Where a driver is, beyond what a configuration can say: also a socket of this machine. */
export type RemoteTarget = Omit<RemoteConfig, 'address'> & { address: Endpoint };

/** Octets of the largest message: a commit and the answer to a `get` may each be larger than what services send each other. */
export const MAX_PLUGIN_MESSAGE_BYTES = 64 * 1024 * 1024;

/** Streams of bodies and scans take as long as their reader does, within reason. */
export const STREAM_TIMEOUT_MS = 600_000;

/**
 * The line to a driver in another process. It hands over the configuration before the first call and again after the
 * driver was gone, since one that restarted knows nothing.
 */
export class RemoteConnection {
  readonly closing = new AbortController();
  readonly #kind: DriverKind;
  readonly #config: RemoteTarget;
  readonly #name: string;
  readonly #channel: ReturnType<typeof createChannel>;
  readonly #plugin: Client<typeof plugin.plugin.PluginServiceDefinition>;
  #configured: Promise<void> | undefined;

  constructor(kind: DriverKind, config: RemoteTarget) {
    this.#kind = kind;
    this.#config = config;
    this.#name = formatEndpoint(config.address);
    const credentials = channelCredentials(config.tls, config.address, { tlsKey: `${kind}.tls` });
    this.#channel = createChannel(this.#name, credentials, {
      'grpc.max_receive_message_length': MAX_PLUGIN_MESSAGE_BYTES,
      'grpc.max_send_message_length': MAX_PLUGIN_MESSAGE_BYTES,
    });
    this.#plugin = this.client(plugin.plugin.PluginServiceDefinition);
  }

  client<D extends ServiceDefinition>(definition: D): Client<D> {
    return createGrpcClient(definition, this.#channel, { defaultTimeoutMs: this.#config.timeout });
  }

  /** Waits for the driver, checks what it is, configures it, and resolves to its capabilities. */
  async open(): Promise<object> {
    const deadline = Date.now() + this.#config['connect-timeout'];
    await new Promise<void>((resolve, reject) => {
      this.#channel.waitForReady(deadline, (error) => {
        if (error === undefined) resolve();
        else
          reject(new StoaError('unavailable', `no driver answers at ${this.#name}; is it running?`, { cause: error }));
      });
    });
    const { kind, sdk, name, capabilitiesJson } = await this.#plugin.describe({});
    if (kind !== this.#kind) {
      throw new StoaError(
        'invalid-configuration',
        `the driver ${name} at ${this.#name} is of kind ${JSON.stringify(kind)}, not ${JSON.stringify(this.#kind)}`,
      );
    }
    if (validRange(sdk) === null || !satisfies(SDK_VERSION, sdk)) {
      throw new StoaError(
        'invalid-configuration',
        `the driver ${name} at ${this.#name} was built for version ${JSON.stringify(sdk)} of the driver interface, this is ${SDK_VERSION}`,
      );
    }
    await this.#configure();
    return parseCapabilities(capabilitiesJson, this.#name);
  }

  /** Resolves when the driver, and the store behind it, answer. */
  async check(): Promise<void> {
    this.#configured = undefined;
    await this.call(async () => {});
  }

  async call<T>(run: () => Promise<T>, options?: CallOptions): Promise<T> {
    try {
      await this.#prepare(options?.signal);
      return await run();
    } catch (error) {
      throw this.#failure(error, options?.signal);
    }
  }

  async *iterate<T>(run: () => AsyncIterable<T>, options?: CallOptions): AsyncGenerator<T, void, undefined> {
    try {
      await this.#prepare(options?.signal);
      yield* run();
    } catch (error) {
      throw this.#failure(error, options?.signal);
    }
  }

  async #prepare(signal: AbortSignal | undefined): Promise<void> {
    throwIfCancelled(signal);
    if (this.closing.signal.aborted) throw new StoaError('unavailable', 'the driver is closed');
    await this.#configure();
    throwIfCancelled(signal);
  }

  #configure(): Promise<void> {
    this.#configured ??= this.#plugin
      .configure({ configJson: JSON.stringify(this.#config.config) })
      .then(() => {})
      .catch((error: unknown) => {
        this.#configured = undefined;
        throw hasCode(error, 'invalid-argument')
          ? new StoaError('invalid-configuration', error.message, { cause: error })
          : error;
      });
    return this.#configured;
  }

  #failure(error: unknown, signal: AbortSignal | undefined): StoaError {
    if (signal?.aborted) return cancellation(signal);
    const known = toStoaError(error);
    if (known.code === 'unavailable') this.#configured = undefined;
    return known;
  }

  async close(): Promise<void> {
    this.closing.abort(new StoaError('cancelled', 'the driver is closed'));
    this.#channel.close();
  }
}

function parseCapabilities(json: string, name: string): object {
  try {
    const parsed: unknown = JSON.parse(json);
    if (typeof parsed === 'object' && parsed !== null) return parsed;
  } catch {
    // Told below.
  }
  throw new StoaError('invalid-configuration', `the driver at ${name} declares no capabilities in JSON`);
}
