import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createChannel, createGrpcClient, type ServiceDefinition, storage } from '@stoa/contracts';
import { channelCredentials } from '@stoa/service-kit';
import { freePorts } from '@stoa/test-servers';
import { freeNodes, LocalCluster, SERVICES, type ServiceName } from '../../tools/cluster/local-cluster.ts';
import { StoaProcess } from '../../tools/cluster/stoa-process.ts';
import { sharedStoresToml } from './backends.ts';
import { makePki, makeServerCertificate, type Pki } from './pki.ts';
import { singleNodeToml } from './single-node.ts';

/**
 * Every scenario runs in each: one process; two such processes as workers of one node; a process for each service with mutual
 * TLS between them; three nodes of such processes on PostgreSQL, S3, Redis and NATS.
 */
export const SHAPES = ['all-in-one', 'workers', 'scaled-out', 'cluster'] as const;
export type Shape = (typeof SHAPES)[number];

/** Whether one start runs all services, without TLS between them. */
export function isOneStart(shape: Shape): boolean {
  return shape === 'all-in-one' || shape === 'workers';
}

const WORKERS = 2;

export interface StoaOptions {
  /** More sections, or keys of sections that are not written here. */
  toml?: string;
  environment?: Record<string, string>;
}

export const PASSWORD = 'a good password';

/** A process with services of one node, and where they listen. */
interface Part {
  readonly process: StoaProcess;
  readonly clusterPort: number;
}

/** Node whose listener clients use, so that what they do crosses nodes: in a cluster mail comes in on one and is read on another. */
const NODE_OF_LISTENER: Readonly<Record<string, number>> = { smtp: 0, submission: 1, lmtp: 1, imap: 2, imaps: 2 };

/** A Stoa of processes, started as an operator would, in a temporary folder, on ports that the system chose. */
export class Stoa {
  readonly shape: Shape;
  readonly folder: string;
  readonly pki: Pki;
  /** Those of a node stand together, the nodes in order. */
  readonly #parts: readonly Part[];
  #channel: ReturnType<typeof createChannel> | undefined;

  private constructor(shape: Shape, folder: string, pki: Pki, parts: readonly Part[]) {
    this.shape = shape;
    this.folder = folder;
    this.pki = pki;
    this.#parts = parts;
  }

  static async start(shape: Shape, options: StoaOptions = {}): Promise<Stoa> {
    const folder = mkdtempSync(join(tmpdir(), `stoa-${shape}-`));
    makeServerCertificate(join(folder, 'cert.pem'), join(folder, 'key.pem'), 'localhost');
    const stoa =
      shape === 'cluster' ? await Stoa.#cluster(folder, options) : await Stoa.#single(shape, folder, options);
    await stoa.startAll();
    return stoa;
  }

  static async #single(shape: Shape, folder: string, { toml = '', environment }: StoaOptions): Promise<Stoa> {
    const pki = makePki(join(folder, 'pki'));
    const ports = await freePorts(SERVICES.length + 5);
    const clusterPorts = ports.splice(0, SERVICES.length);
    const config = join(folder, 'stoa.toml');
    const services = isOneStart(shape) ? undefined : new Map(SERVICES.map((name, i) => [name, clusterPorts[i]]));
    writeFileSync(config, singleNodeToml(ports, services as Map<string, number> | undefined, toml));
    const groups = isOneStart(shape) ? [SERVICES] : SERVICES.map((service) => [service]);
    const parts = groups.map((group, i) => {
      const clusterPort = clusterPorts[i] as number;
      const STOA_CLUSTER__LISTEN = `"127.0.0.1:${clusterPort}"`;
      const process = new StoaProcess({
        config,
        services: group,
        environment: { ...environment, STOA_CLUSTER__LISTEN },
        ...(shape === 'workers' ? { workers: WORKERS } : {}),
      });
      return { process, clusterPort };
    });
    return new Stoa(shape, folder, pki, parts);
  }

  static async #cluster(folder: string, { toml = '', environment }: StoaOptions): Promise<Stoa> {
    const mailCertificate = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
    const cluster = LocalCluster.prepare({
      folder,
      nodes: await freeNodes(3),
      toml: `${await sharedStoresToml()}\n[telemetry]\nexport-interval = "100ms"\n${toml}`,
      mailCertificate,
      ...(environment === undefined ? {} : { environment }),
    });
    // Commands that take one file take that of the first node.
    symlinkSync(cluster.configPath('1'), join(folder, 'stoa.toml'));
    const parts = cluster.nodes.flatMap((node) =>
      SERVICES.map((service) => ({
        process: cluster.process(node.id, service),
        clusterPort: node.cluster[service],
      })),
    );
    return new Stoa('cluster', folder, cluster.pki('1'), parts);
  }

  async startAll(): Promise<void> {
    await Promise.all(this.#parts.filter(({ process }) => !process.running).map(({ process }) => process.start()));
    await this.ready();
  }

  /** Resolves when every process says that it can do its work: those that lost another have found it again. */
  async ready(): Promise<void> {
    await Promise.all(this.#parts.map(({ process }) => process.ready()));
  }

  /** Resolves when every process listens to the events of the cluster. Services do their work without, but by asking. */
  async eventsFlow(): Promise<void> {
    const deadline = Date.now() + 20_000;
    for (;;) {
      let listening = 0;
      for (const { process } of this.#with('coordinator')) {
        const metrics = await (await fetch(`http://${process.addresses['http']}/metrics`)).text();
        for (const [, count] of metrics.matchAll(/^stoa_event_subscribers\{.*\} (\d+)$/gm)) listening += Number(count);
      }
      if (listening >= this.#processes) return;
      if (Date.now() > deadline) throw new Error('not every process listens to events');
    }
  }

  /** Those that do the work. */
  get #processes(): number {
    return this.shape === 'workers' ? WORKERS : this.#parts.length;
  }

  #with(service: ServiceName): Part[] {
    return this.#parts.filter(({ process }) => process.services.includes(service));
  }

  #first(service: ServiceName): Part {
    const [part] = this.#with(service);
    if (part === undefined) throw new Error(`there is no ${service}`);
    return part;
  }

  /** "host:port" of a listener; in a cluster, that of the node which clients of this protocol use. */
  address(name: string): string {
    const found = this.#parts.flatMap(({ process }) => process.addresses[name] ?? []);
    const address = found[Math.min(NODE_OF_LISTENER[name] ?? 0, found.length - 1)];
    if (address === undefined) throw new Error(`nothing listens as ${name}`);
    return address;
  }

  port(name: string): number {
    return Number(this.address(name).split(':').at(-1));
  }

  /** The health and metrics page of a process that has a service. */
  httpAddress(service: ServiceName): string {
    return this.#first(service).process.addresses['http'] as string;
  }

  /** Port of the gRPC server of a process that has a service. */
  clusterPort(service: ServiceName): number {
    return this.#first(service).clusterPort;
  }

  /** Processes that have a service. */
  pids(service: ServiceName): number[] {
    return this.#with(service).flatMap(({ process }) => [process.pid, ...(process.workerPids ?? [])]);
  }

  /** Ends one worker at once, the others go on. Resolves when it is gone; who started it starts it again. */
  async killWorker(index: number): Promise<void> {
    const [part] = this.#parts;
    await (part as Part).process.killWorker(index);
  }

  /** Lines that processes with a service wrote. */
  log(service: ServiceName): readonly string[] {
    return this.#with(service).flatMap(({ process }) => process.log);
  }

  /** A client of a contract, as the operator's commands have it. */
  client<D extends ServiceDefinition>(definition: D, service: ServiceName = 'store-router'): Client<D> {
    const port = this.clusterPort(service);
    const tls = isOneStart(this.shape) ? undefined : this.pki;
    const channel = createChannel(`127.0.0.1:${port}`, channelCredentials(tls, { host: '127.0.0.1', port }));
    this.#channel?.close();
    this.#channel = channel;
    return createGrpcClient(definition, channel);
  }

  /** Makes the domain example.test and accounts in it, all with the same password. */
  provision(...names: string[]): Promise<void> {
    return this.provisionDomain('example.test', ...names);
  }

  /** Makes a domain and accounts in it, all with the same password. */
  async provisionDomain(domain: string, ...names: string[]): Promise<void> {
    const directory = this.client(storage.DirectoryServiceDefinition);
    await directory.createDomain({ name: domain });
    for (const name of names) await directory.createAccount({ address: `${name}@${domain}`, password: PASSWORD });
  }

  /** Ends every process with a service, at once by default. Resolves with the highest exit code when they are gone. */
  async kill(service: ServiceName, signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    const codes = await Promise.all(this.#with(service).map(({ process }) => process.end(signal)));
    return codes.includes(null) ? null : Math.max(...(codes as number[]));
  }

  /** A signal to every process that was started, without waiting for anything. */
  signal(signal: NodeJS.Signals): void {
    for (const { process } of this.#parts) process.signal(signal);
  }

  /** Stops all processes cleanly. */
  async stop(): Promise<void> {
    this.#channel?.close();
    this.#channel = undefined;
    await Promise.all(this.#parts.map(({ process }) => process.end('SIGTERM')));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
