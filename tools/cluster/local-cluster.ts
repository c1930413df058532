import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { freePorts } from '@stoa/test-servers';
import { StoaProcess } from './stoa-process.ts';

const main = resolve(import.meta.dirname, '../../apps/stoa/src/main.ts');

/** Every node runs each of these as a process of its own. */
export const SERVICES = ['coordinator', 'store-router', 'smtp', 'imap', 'roles'] as const;
export type ServiceName = (typeof SERVICES)[number];

const LISTENERS = ['smtp', 'submission', 'lmtp', 'imap', 'imaps'] as const;
export type ListenerName = (typeof LISTENERS)[number];

/** Ports that are the same on every node where each has an address of its own. */
const FIXED_PORTS: Readonly<Record<ListenerName, number>> = {
  smtp: 2525,
  submission: 2587,
  lmtp: 2424,
  imap: 2143,
  imaps: 2993,
};
const FIRST_CLUSTER_PORT = 2070;
const FIRST_HTTP_PORT = 2080;

export interface Node {
  readonly id: string;
  readonly host: string;
  readonly listeners: Readonly<Record<ListenerName, number>>;
  readonly cluster: Readonly<Record<ServiceName, number>>;
  readonly http: Readonly<Record<ServiceName, number>>;
}

/** Nodes on loopback addresses of their own, 127.0.0.11 and on, with the same ports on each. */
export function fixedNodes(count: number): Node[] {
  return Array.from({ length: count }, (_, i) => ({
    id: String(i + 1),
    host: `127.0.0.${11 + i}`,
    listeners: FIXED_PORTS,
    cluster: byService((j) => FIRST_CLUSTER_PORT + j),
    http: byService((j) => FIRST_HTTP_PORT + j),
  }));
}

/** Nodes with ports that are free now; all on 127.0.0.1, for clients that know no other address. */
export async function freeNodes(count: number, host = '127.0.0.1'): Promise<Node[]> {
  const each = LISTENERS.length + 2 * SERVICES.length;
  const ports = await freePorts(count * each, host);
  return Array.from({ length: count }, (_, i) => {
    const own = ports.slice(i * each, (i + 1) * each);
    const take = () => own.shift() as number;
    const listeners = Object.fromEntries(LISTENERS.map((name) => [name, take()])) as Node['listeners'];
    return { id: String(i + 1), host, listeners, cluster: byService(take), http: byService(take) };
  });
}

function byService(port: (index: number) => number): Record<ServiceName, number> {
  return Object.fromEntries(SERVICES.map((name, i) => [name, port(i)])) as Record<ServiceName, number>;
}

export interface LocalClusterOptions {
  folder: string;
  nodes: readonly Node[];
  /** Sections for every node: stores, bus, and more. */
  toml: string;
  environment?: Record<string, string>;
  /** More of it for the processes of one node. */
  environmentOf?(nodeId: string): Record<string, string>;
  /** Instead of a self-signed certificate made for it. */
  mailCertificate?: { cert: string; key: string };
}

/** Runs the `stoa` command to its end; returns what it printed. */
export function runStoa(...args: string[]): string {
  return execFileSync(process.execPath, ['--conditions=stoa-source', main, ...args], { encoding: 'utf8' });
}

/** A cluster on this machine: for each node a process for each service, with mutual TLS between them all. */
export class LocalCluster {
  readonly folder: string;
  readonly nodes: readonly Node[];
  readonly #options: LocalClusterOptions;
  readonly #processes = new Map<string, StoaProcess>();

  private constructor(options: LocalClusterOptions) {
    this.#options = options;
    this.folder = options.folder;
    this.nodes = options.nodes;
    for (const node of options.nodes) {
      for (const service of SERVICES) this.#processes.set(`${node.id}/${service}`, this.#processOf(node, service));
    }
  }

  /** Makes certificates and configuration files; starts nothing. */
  static prepare(options: LocalClusterOptions): LocalCluster {
    const { folder, nodes } = options;
    mkdirSync(folder, { recursive: true });
    const pki = join(folder, 'pki');
    if (!existsSync(join(pki, 'ca.pem'))) runStoa('cluster', 'init-ca', '--folder', pki);
    for (const { id, host } of nodes) {
      if (existsSync(join(pki, `node-${id}.pem`))) continue;
      const hosts = [...new Set([host, '127.0.0.1', 'localhost'])];
      runStoa('cluster', 'issue', `node-${id}`, '--folder', pki, '--hosts', ...hosts);
    }
    if (options.mailCertificate === undefined) makeMailCertificate(folder);
    const cluster = new LocalCluster(options);
    for (const node of nodes) writeFileSync(cluster.configPath(node.id), cluster.#config(node), { mode: 0o600 });
    return cluster;
  }

  configPath(nodeId: string): string {
    return join(this.folder, `node-${nodeId}.toml`);
  }

  /** The cluster's certificates as a node has them. */
  pki(nodeId: string): { ca: string; cert: string; key: string } {
    const at = (name: string) => join(this.folder, 'pki', name);
    return { ca: at('ca.pem'), cert: at(`node-${nodeId}.pem`), key: at(`node-${nodeId}-key.pem`) };
  }

  #config({ id, host, listeners }: Node): string {
    const { cert, key } = this.#options.mailCertificate ?? {
      cert: join(this.folder, 'cert.pem'),
      key: join(this.folder, 'key.pem'),
    };
    const pki = this.pki(id);
    const everywhere = (service: ServiceName) => this.nodes.map((node) => `"${node.host}:${node.cluster[service]}"`);
    const own = this.nodes.find((node) => node.id === id) as Node;
    const smtp = (['smtp', 'submission', 'lmtp'] as const).map(
      (kind) => `[[smtp.listeners]]\nname = "${kind}"\nkind = "${kind}"\nlisten = "${host}:${listeners[kind]}"\n`,
    );
    return `
[node]
id = "${id}"
hostname = "mx${id}.example.test"
data-directory = "node-${id}"
drain-timeout = "5s"
[cluster]
secret-file = "${join(this.folder, 'pki', 'secret')}"
[cluster.tls]
ca = "${pki.ca}"
cert = "${pki.cert}"
key = "${pki.key}"
[cluster.services]
# Any store-router serves any account; events go through the coordinator of the node.
store-router = [${everywhere('store-router').join(', ')}]
roles = [${everywhere('roles').join(', ')}]
coordinator = ["${host}:${own.cluster.coordinator}"]
[tls]
certificates = [{ cert = "${cert}", key = "${key}" }]
${smtp.join('')}
[[imap.listeners]]
name = "imap"
listen = "${host}:${listeners.imap}"
tls = "starttls"
[[imap.listeners]]
name = "imaps"
listen = "${host}:${listeners.imaps}"
tls = "implicit"
[search]
driver = "embedded"
path = "${join(this.folder, 'search')}"
${this.#options.toml}
`;
  }

  #processOf(node: Node, service: ServiceName): StoaProcess {
    return new StoaProcess({
      config: this.configPath(node.id),
      services: [service],
      environment: {
        ...this.#options.environment,
        ...this.#options.environmentOf?.(node.id),
        STOA_CLUSTER__LISTEN: `"${node.host}:${node.cluster[service]}"`,
        STOA_HTTP__LISTEN: `"${node.host}:${node.http[service]}"`,
      },
    });
  }

  node(nodeId: string): Node {
    const node = this.nodes.find(({ id }) => id === nodeId);
    if (node === undefined) throw new Error(`there is no node ${nodeId}`);
    return node;
  }

  process(nodeId: string, service: ServiceName): StoaProcess {
    const process = this.#processes.get(`${nodeId}/${service}`);
    if (process === undefined) throw new Error(`there is no ${service} on node ${nodeId}`);
    return process;
  }

  get processes(): StoaProcess[] {
    return [...this.#processes.values()];
  }

  /** Starts what does not run. Resolves when all can do their work. */
  async startAll(progress: (line: string) => void = () => {}): Promise<void> {
    for (const service of SERVICES) {
      const down = this.nodes.map(({ id }) => this.process(id, service)).filter((process) => !process.running);
      if (down.length === 0) continue;
      progress(`${service} on ${down.length} nodes …`);
      await Promise.all(down.map((process) => process.start()));
    }
    await Promise.all(this.processes.map((process) => process.ready()));
  }

  /** Starts the services of one node that do not run. */
  async startNode(nodeId: string): Promise<void> {
    const own = SERVICES.map((service) => this.process(nodeId, service));
    await Promise.all(own.filter((process) => !process.running).map((process) => process.start()));
    await Promise.all(own.map((process) => process.ready()));
  }

  /** A signal to every process of a node. */
  signalNode(nodeId: string, signal: NodeJS.Signals): void {
    for (const service of SERVICES) this.process(nodeId, service).signal(signal);
  }

  /** Ends every process; cleanly by default, those that protocols need last. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    for (const services of [['smtp', 'imap', 'roles'], ['store-router'], ['coordinator']] as ServiceName[][]) {
      const ending = services.flatMap((service) => this.nodes.map(({ id }) => this.process(id, service).end(signal)));
      await Promise.all(ending);
    }
  }
}

function makeMailCertificate(folder: string): void {
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'];
  const files = ['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'cert.pem')];
  execFileSync('openssl', ['req', '-x509', ...key, ...subject, ...files], { stdio: 'ignore' });
}
