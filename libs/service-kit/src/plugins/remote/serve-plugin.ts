import { isDeepStrictEqual } from 'node:util';
import { type Implementation, plugin, type ServiceDefinition } from '@stoa/contracts';
import {
  type ConfigIssue,
  type DriverContext,
  type DriverFactory,
  type DriverKind,
  type DriverKinds,
  StoaError,
} from '@stoa/plugin-sdk';
import { type Endpoint, formatEndpoint } from '../../config/types.ts';
import type { ClusterTls } from '../../server/credentials.ts';
import { ContractServer } from '../../server/grpc-server.ts';
import { bind } from '../../service.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { guardDriver } from '../guard.ts';
import type { DriverOf } from '../types.ts';
import { MAX_PLUGIN_MESSAGE_BYTES } from './connection.ts';
import { serveStore } from './serve-store.ts';

export interface ServePluginOptions<K extends DriverKind> {
  factory: DriverFactory<K>;
  listen: Endpoint;
  /** Mutual TLS; needed beyond this machine. */
  tls?: ClusterTls | undefined;
  context: DriverContext;
  logger: Logger;
}

export interface ServedPlugin {
  /** "host:port", or "unix:" with a path. */
  readonly address: string;
  /** Ends calls under way within two seconds, then closes the driver. */
  stop(): Promise<void>;
}

/** Serves a driver to other processes, which name it with `driver = "remote"`. It opens when the first of them configures it. */
export async function servePlugin<K extends DriverKind>(options: ServePluginOptions<K>): Promise<ServedPlugin> {
  const { factory, listen, tls, context, logger } = options;
  const configured = new ConfiguredDriver(factory, context);
  const server = new ContractServer(logger, { maxMessageBytes: MAX_PLUGIN_MESSAGE_BYTES });
  const add = <D extends ServiceDefinition>(definition: D, implementation: Implementation<D>) =>
    server.add({ ...bind(definition, implementation), owner: `driver-${factory.kind}-${factory.name}` });
  add(plugin.plugin.PluginServiceDefinition, {
    describe: async () => ({
      name: factory.name,
      kind: factory.kind,
      sdk: factory.sdk,
      // All callers share the one store that this process has open, wherever they are.
      capabilitiesJson: JSON.stringify({ ...factory.capabilities, shared: 'network' }),
      configSchemaJson: JSON.stringify(
        factory.configSchema['~standard'].jsonSchema?.input({ target: 'draft-2020-12' }) ?? {},
      ),
    }),
    configure: async ({ configJson }) => {
      await (await configured.open(configJson)).check();
      return {};
    },
  });
  const [definition, implementation] = serveStore(factory.kind, () => configured.driver);
  add(definition, implementation);
  const address = formatEndpoint(await server.listen(listen, tls, 'the plugin'));
  server.setServing(true);
  return {
    address,
    async stop() {
      await server.stop(2_000);
      await configured.close();
    },
  };
}

/** A driver that is opened with the first configuration it is given, and kept. */
class ConfiguredDriver<K extends DriverKind> {
  readonly #factory: DriverFactory<K>;
  readonly #context: DriverContext;
  #config: unknown;
  #opening: Promise<DriverOf<K>> | undefined;
  #driver: DriverOf<K> | undefined;

  constructor(factory: DriverFactory<K>, context: DriverContext) {
    this.#factory = factory;
    this.#context = context;
  }

  get driver(): DriverOf<K> {
    if (this.#driver === undefined) throw new StoaError('unavailable', 'the driver waits for its configuration');
    return this.#driver;
  }

  open(json: string): Promise<DriverOf<K>> {
    let config: unknown;
    try {
      config = JSON.parse(json);
    } catch (error) {
      throw new StoaError('invalid-argument', 'the configuration of the driver is no JSON', { cause: error });
    }
    if (this.#opening !== undefined) {
      if (isDeepStrictEqual(config, this.#config)) return this.#opening;
      throw new StoaError(
        'failed-precondition',
        'this driver serves somebody else with another configuration; start one more process of it',
      );
    }
    this.#config = config;
    this.#opening = this.#create(config).catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #create(config: unknown): Promise<DriverOf<K>> {
    const checked = await this.#factory.configSchema['~standard'].validate(config);
    if (checked.issues !== undefined) throw new StoaError('invalid-argument', checked.issues.map(describe).join('; '));
    const created: DriverKinds[K]['driver'] = await this.#factory.create(checked.value, this.#context);
    this.#driver = guardDriver(this.#factory.kind, this.#factory.name, created);
    return this.#driver;
  }

  async close(): Promise<void> {
    await this.#opening?.catch(() => {});
    await this.#driver?.close();
  }
}

function describe({ path = [], message }: ConfigIssue): string {
  const key = path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.');
  return key === '' ? message : `${key}: ${message}`;
}
