import { given, program } from './catalog.ts';
import { versionOf } from './locate.ts';
import { freePort, freePorts, noteUse, ServerProcess, until } from './process.ts';
import { notOurs, type RunningServer } from './server.ts';
import type { TlsFiles } from './tls.ts';

export interface NatsServer extends RunningServer {
  readonly host: string;
  readonly port: number;
  /** nats://host:port or tls://host:port */
  readonly url: string;
  /** Port of the monitoring page on the same host. */
  readonly monitorPort: number;
}

export interface NatsOptions {
  host?: string;
  port?: number;
  user?: { name: string; password: string };
  token?: string;
  tls?: TlsFiles;
  args?: readonly string[];
}

/** A NATS server without JetStream. */
export async function startNats(options: NatsOptions = {}): Promise<NatsServer> {
  const address = given('nats');
  if (address !== undefined && Object.keys(options).length === 0) {
    const { hostname: host, port } = new URL(address);
    noteUse(`NATS at ${host}:${port}`);
    return { ...notOurs('NATS', 'STOA_TEST_NATS'), host, port: Number(port || 4222), url: address, monitorPort: 0 };
  }
  const path = await program('nats');
  const { host = '127.0.0.1', user, token, tls, args = [] } = options;
  const [free, monitorPort] = (await freePorts(2, host)) as [number, number];
  const port = options.port ?? free;
  const server = new ServerProcess({
    name: 'NATS',
    program: path,
    args: [
      ...['-a', host, '-p', String(port), '-m', String(monitorPort)],
      ...(user === undefined ? [] : ['--user', user.name, '--pass', user.password]),
      ...(token === undefined ? [] : ['--auth', token]),
      ...(tls === undefined ? [] : ['--tls', '--tlscert', tls.cert, '--tlskey', tls.key, '--tlscacert', tls.ca]),
      ...args,
    ],
    ready: async () => isHealthy(host, monitorPort),
  });
  await server.start();
  noteUse(`NATS ${versionOf(path, '-v')}`);
  return {
    host,
    port,
    url: `${tls === undefined ? 'nats' : 'tls'}://${host}:${port}`,
    monitorPort,
    kill: () => server.end('SIGKILL'),
    restart: () => server.start(),
    signal: (name) => server.signal(name),
    stop: () => server.end('SIGKILL'),
    get log() {
      return server.log;
    },
  };
}

async function isHealthy(host: string, port: number): Promise<boolean> {
  try {
    return (await fetch(`http://${host}:${port}/healthz`)).ok;
  } catch {
    return false;
  }
}

export interface NatsCluster {
  readonly servers: readonly NatsServer[];
  stop(): Promise<void>;
}

/** Three NATS servers that route to each other. */
export async function startNatsCluster(): Promise<NatsCluster> {
  const host = '127.0.0.1';
  const routes = await freePorts(3, host);
  const seeds = routes.map((port) => `nats://${host}:${port}`).join(',');
  const servers: NatsServer[] = [];
  const stop = async () => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  try {
    for (const route of routes) {
      const args = ['--cluster_name', 'stoa-test', '--cluster', `nats://${host}:${route}`, '--routes', seeds];
      servers.push(await startNats({ host, port: await freePort(host), args }));
    }
    await until('the NATS servers form a cluster', async () => {
      const known = await Promise.all(servers.map((server) => routesOf(server)));
      return known.every((count) => count >= 2);
    });
    return { servers, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function routesOf({ host, monitorPort }: NatsServer): Promise<number> {
  const response = await fetch(`http://${host}:${monitorPort}/routez`);
  return ((await response.json()) as { num_routes?: number }).num_routes ?? 0;
}
