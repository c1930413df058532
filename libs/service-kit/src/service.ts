import type { Client, Implementation, ServiceDefinition } from '@stoa/contracts';
import type { ConfigSchema } from '@stoa/plugin-sdk';
import type { EventClient } from './events/types.ts';
import type { Listen } from './net/listen.ts';
import type { DriverCapabilitiesOf, DriverKind, DriverOf } from './plugins/types.ts';
import type { Logger } from './telemetry/logger.ts';
import type { CertificateStore } from './tls/types.ts';

/** The services of Stoa. One process runs one or more of them. */
export type ServiceName = 'smtp' | 'imap' | 'store-router' | 'coordinator' | 'roles';

/** A running node as its services see it. */
export interface NodeInfo {
  /** Unique in the cluster: the name, or that and the number of a worker. */
  readonly id: string;
  /** From the configuration, which calls all workers of a node by it. */
  readonly name: string;
  /** Grows with every start: milliseconds since 1970-01-01 UTC. */
  readonly incarnation: number;
  readonly clusterId: string;
  /** Host name that the node calls itself in greetings and Received fields. */
  readonly hostname: string;
  /** Absolute path; all that this node keeps on disk lies below it. */
  readonly dataDirectory: string;
  readonly version: string;
  /** The loopback demo: plain-text login is allowed and the demo domain is made. */
  readonly demo: boolean;
  /** Services in this process. */
  readonly services: readonly ServiceName[];
}

/** What a service is given when it is created. Services reach each other only through `client`. */
export interface ServiceContext<Config> {
  readonly config: Config;
  readonly node: NodeInfo;
  readonly logger: Logger;
  /** A client of a contract: in-process where the service that has it runs in this process, else over gRPC. */
  client<D extends ServiceDefinition>(definition: D): Client<D>;
  /** Publishes to and hears from every node, through the coordinator. */
  readonly events: EventClient;
  /** Certificates for listeners, by server name, reloaded when their files change. */
  readonly certificates: CertificateStore;
  /** Loads and opens the driver that the configuration names for a store or the bus; closed by the host after the service stopped. */
  driver<K extends DriverKind>(
    kind: K,
  ): Promise<{ driver: DriverOf<K>; name: string; capabilities: DriverCapabilitiesOf<K> }>;
  /** Opens the ports of mail clients. */
  readonly listen: Listen;
  /** Milliseconds since 1970-01-01 UTC. */
  now(): number;
}

/** A contract and its implementation, as a service offers it. */
export interface ContractBinding<D extends ServiceDefinition = ServiceDefinition> {
  readonly definition: D;
  readonly implementation: Implementation<D>;
}

/** Types a binding. */
export function bind<D extends ServiceDefinition>(definition: D, implementation: Implementation<D>): ContractBinding {
  return { definition, implementation } as unknown as ContractBinding;
}

/** A service that was created. `start`, `drain`, `stop` come in this order; each is safe to call twice, and `stop` without `start`. */
export interface Service {
  /** Contracts that other services may call; served from before `start` is called on services that need this one. */
  readonly contracts: readonly ContractBinding[];
  /** Opens listeners. When it resolves the service works. */
  start(): Promise<void>;
  /** Stops accepting, says goodbye, finishes what is under way; ends at the latest when `signal` aborts. */
  drain(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
  /** Rejects with the cause when the service cannot do its work now; for readiness. */
  check(): Promise<void>;
  /** What is missing though the service does its work; undefined while nothing is. Told on the page of the readiness. */
  readonly degraded?: string | undefined;
  /**
   * Takes over those keys of a new configuration that its module declares as `liveKeys`; must not fail. The new one is whole
   * and was checked by the module's schema.
   */
  reload?(config: unknown): void;
  /** Addresses that it listens on, for the start page and the tests: { "imap": "127.0.0.1:2143" }. */
  readonly addresses: Readonly<Record<string, string>>;
  /** Client sessions now, for membership. */
  readonly sessions: number;
}

/** One row of the table of services: how to build one, what its section of the configuration looks like, what it needs. */
export interface ServiceModule<Config = unknown> {
  readonly name: ServiceName;
  /** Section of the configuration file that is this service's. */
  readonly configSchema: ConfigSchema<Config>;
  /** Keys of the section that `reload` takes over; a change of another one waits for a restart. */
  readonly liveKeys?: readonly string[];
  /** Services whose contracts it calls. */
  readonly needs: readonly ServiceName[];
  /** Contracts that it offers, so that a caller elsewhere knows which service to look for. */
  readonly offers: readonly ServiceDefinition[];
  create(context: ServiceContext<Config>): Promise<Service>;
}

/** Types a row of the table of services. */
export function defineService<Config>(module: ServiceModule<Config>): ServiceModule<Config> {
  return module;
}
