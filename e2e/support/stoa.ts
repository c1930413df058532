import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { type Client, createChannel, createGrpcClient, type ServiceDefinition, storage } from '@stoa/contracts';
import { channelCredentials } from '@stoa/service-kit';
import { makePki, makeServerCertificate, type Pki } from './pki.ts';
import { freePorts } from './ports.ts';

const main = resolve(import.meta.dirname, '../../apps/stoa/src/main.ts');

/** Every scenario runs in both: one process, and a process for each service with mutual TLS between them. */
export const SHAPES = ['all-in-one', 'scaled-out'] as const;
export type Shape = (typeof SHAPES)[number];

const SERVICES = ['coordinator', 'store-router', 'smtp', 'imap', 'roles'] as const;
type Service = (typeof SERVICES)[number];

export interface StoaOptions {
  /** More sections, or keys of sections that are not written here. */
  toml?: string;
  environment?: Record<string, string>;
}

export const PASSWORD = 'a good password';

interface Running {
  child: ChildProcess;
  services: readonly Service[];
  addresses: Record<string, string>;
  log: string[];
}

/** A Stoa of processes, started as an operator would, in a temporary folder, on ports that the system chose. */
export class Stoa {
  readonly shape: Shape;
  readonly folder: string;
  readonly pki: Pki;
  readonly #environment: Record<string, string>;
  readonly #clusterPorts: Map<Service, number>;
  readonly #running = new Map<string, Running>();
  #channel: ReturnType<typeof createChannel> | undefined;

  private constructor(
    shape: Shape,
    folder: string,
    pki: Pki,
    ports: Map<Service, number>,
    environment: Record<string, string>,
  ) {
    this.shape = shape;
    this.folder = folder;
    this.pki = pki;
    this.#clusterPorts = ports;
    this.#environment = environment;
  }

  static async start(shape: Shape, options: StoaOptions = {}): Promise<Stoa> {
    const folder = mkdtempSync(join(tmpdir(), `stoa-${shape}-`));
    const pki = makePki(join(folder, 'pki'));
    makeServerCertificate(join(folder, 'cert.pem'), join(folder, 'key.pem'), 'localhost');
    const ports = await freePorts(SERVICES.length + 5);
    const clusterPorts = new Map(SERVICES.map((service, i) => [service, ports[i] as number]));
    const stoa = new Stoa(shape, folder, pki, clusterPorts, options.environment ?? {});
    writeFileSync(join(folder, 'stoa.toml'), stoa.#config(ports.slice(SERVICES.length), options.toml ?? ''));
    await stoa.startAll();
    return stoa;
  }

  /** Mail ports stay the same over a restart, as they would. */
  #config(ports: readonly number[], more: string): string {
    const [smtp, submission, lmtp, imap, imaps] = ports;
    const services = SERVICES.map((service) => `${service} = ["127.0.0.1:${this.#clusterPorts.get(service)}"]`).join(
      '\n',
    );
    const cluster =
      this.shape === 'all-in-one'
        ? ''
        : `[cluster.tls]\nca = "pki/ca.pem"\ncert = "pki/node.pem"\nkey = "pki/node-key.pem"\n[cluster.services]\n${services}\n`;
    return `
[node]
hostname = "mx.example.test"
data-directory = "data"
drain-timeout = "5s"
[telemetry]
export-interval = "100ms"
[http]
listen = "127.0.0.1:0"
${cluster}
[tls]
certificates = [{ cert = "cert.pem", key = "key.pem" }]
[[smtp.listeners]]
name = "smtp"
kind = "smtp"
listen = "127.0.0.1:${smtp}"
[[smtp.listeners]]
name = "submission"
kind = "submission"
listen = "127.0.0.1:${submission}"
[[smtp.listeners]]
name = "lmtp"
kind = "lmtp"
listen = "127.0.0.1:${lmtp}"
[[imap.listeners]]
name = "imap"
listen = "127.0.0.1:${imap}"
tls = "starttls"
[[imap.listeners]]
name = "imaps"
listen = "127.0.0.1:${imaps}"
tls = "implicit"
${more}
`;
  }

  get #groups(): readonly (readonly Service[])[] {
    return this.shape === 'all-in-one' ? [SERVICES] : SERVICES.map((service) => [service]);
  }

  async startAll(): Promise<void> {
    await Promise.all(
      this.#groups.filter((group) => !this.#running.has(group.join())).map((group) => this.#startProcess(group)),
    );
    await this.ready();
  }

  /** Resolves when every process says that it can do its work: those that lost another have found it again. */
  async ready(): Promise<void> {
    const deadline = Date.now() + 20_000;
    for (const { addresses, services } of this.#running.values()) {
      for (;;) {
        const response = await fetch(`http://${addresses['http']}/health/ready`);
        if (response.ok) break;
        if (Date.now() > deadline) throw new Error(`${services.join()} is not ready: ${await response.text()}`);
        await response.arrayBuffer();
      }
    }
  }

  /** Resolves when every process listens to the events of the cluster. Services do their work without, but by asking. */
  async eventsFlow(): Promise<void> {
    const deadline = Date.now() + 20_000;
    for (;;) {
      const metrics = await (await fetch(`http://${this.httpAddress('coordinator')}/metrics`)).text();
      if (Number(/^stoa_event_subscribers\{.*\} (\d+)$/m.exec(metrics)?.[1] ?? 0) >= this.#running.size) return;
      if (Date.now() > deadline) throw new Error('not every process listens to events');
    }
  }

  async #startProcess(services: readonly Service[]): Promise<void> {
    const child = spawn(
      process.execPath,
      [
        '--conditions=stoa-source',
        main,
        'start',
        '--config',
        join(this.folder, 'stoa.toml'),
        '--services',
        services.join(),
      ],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          ...process.env,
          ...this.#environment,
          STOA_CLUSTER__LISTEN: `"127.0.0.1:${this.#clusterPorts.get(services[0] as Service)}"`,
        },
      },
    );
    const running: Running = { child, services, addresses: {}, log: [] };
    this.#running.set(services.join(), running);
    child.stderr.on('data', (octets: Buffer) => running.log.push(octets.toString()));
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) =>
        reject(new Error(`stoa ended with ${code} before it was ready:\n${running.log.join('\n')}`)),
      );
      createInterface({ input: child.stdout }).on('line', (line) => {
        running.log.push(line);
        if (!line.includes('"msg":"ready"')) return;
        Object.assign(running.addresses, (JSON.parse(line) as { addresses: Record<string, string> }).addresses);
        resolve();
      });
    });
  }

  /** "host:port" of a listener. */
  address(name: string): string {
    for (const { addresses } of this.#running.values()) if (addresses[name] !== undefined) return addresses[name];
    throw new Error(`nothing listens as ${name}`);
  }

  port(name: string): number {
    return Number(this.address(name).split(':').at(-1));
  }

  /** The health and metrics page of the process that has a service. */
  httpAddress(service: Service): string {
    return this.#of(service).addresses['http'] as string;
  }

  /** Port of the gRPC server of the process that has a service. */
  clusterPort(service: Service): number {
    return this.#clusterPorts.get(this.shape === 'all-in-one' ? SERVICES[0] : service) as number;
  }

  pid(service: Service): number {
    return this.#of(service).child.pid as number;
  }

  /** Lines that the process with a service wrote. */
  log(service: Service): readonly string[] {
    return this.#of(service).log;
  }

  #of(service: Service): Running {
    for (const running of this.#running.values()) if (running.services.includes(service)) return running;
    throw new Error(`${service} does not run`);
  }

  /** A client of a contract, as the operator's commands have it. */
  client<D extends ServiceDefinition>(definition: D, service: Service = 'store-router'): Client<D> {
    const port = this.clusterPort(service);
    const tls = this.shape === 'all-in-one' ? undefined : this.pki;
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

  /** Ends the process with a service, at once. Resolves when it is gone. */
  async kill(service: Service, signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
    const running = this.#of(service);
    const gone = once(running.child, 'exit');
    running.child.kill(signal);
    const [code] = (await gone) as [number | null];
    this.#running.delete(running.services.join());
    return code;
  }

  /** Stops all processes cleanly. */
  async stop(): Promise<void> {
    this.#channel?.close();
    this.#channel = undefined;
    await Promise.all(
      [...this.#running.values()].map(async ({ child }) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const gone = once(child, 'exit');
        child.kill('SIGTERM');
        await gone;
      }),
    );
    this.#running.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
