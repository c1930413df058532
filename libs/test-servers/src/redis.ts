import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { given, program } from './catalog.ts';
import { findProgram, versionOf } from './locate.ts';
import { freePort, freePorts, noteUse, removeFolder, ServerProcess, temporaryFolder, until } from './process.ts';
import { notOurs, type RunningServer } from './server.ts';
import type { TlsFiles } from './tls.ts';

export interface RedisServer extends RunningServer {
  readonly host: string;
  readonly port: number;
  /** redis://host:port or rediss://host:port */
  readonly url: string;
  /** Runs a command with redis-cli and returns what it prints. */
  cli(...command: string[]): string;
}

export interface RedisOptions {
  host?: string;
  port?: number;
  /** The port takes TLS only. */
  tls?: TlsFiles;
  /** Rules of ACL users, such as "stoa on >secret ~stoa:* &stoa:* +@all"; without it there is no password. */
  users?: readonly string[];
  /** More arguments of redis-server, such as ["--replicaof", "127.0.0.1 7000"]. */
  args?: readonly string[];
}

/** A Redis (or Valkey) that keeps nothing on disk. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const address = given('redis');
  if (address !== undefined && options.tls === undefined && options.users === undefined && options.args === undefined) {
    const { hostname: host, port } = new URL(address);
    noteUse(`Redis at ${host}:${port}`);
    const cli = (...command: string[]) => redisCli(host, Number(port || 6379), command);
    return { ...notOurs('Redis', 'STOA_TEST_REDIS'), host, port: Number(port || 6379), url: address, cli };
  }
  const path = await program('redis');
  const { host = '127.0.0.1', tls, users, args = [] } = options;
  const port = options.port ?? (await freePort(host));
  const folder = temporaryFolder('redis');
  const listen = tls === undefined ? ['--port', String(port)] : tlsArguments(tls, port);
  const rules = (users ?? []).flatMap((rule) => ['--user', ...rule.split(' ')]);
  const cliTls = tls === undefined ? [] : ['--tls', '--cacert', tls.ca, '--cert', tls.cert, '--key', tls.key];
  const cli = (...command: string[]) => redisCli(host, port, command, cliTls);
  const server = new ServerProcess({
    name: 'Redis',
    program: path,
    args: ['--bind', host, ...listen, '--dir', folder, '--save', '', '--appendonly', 'no', ...rules, ...args],
    ready: async () => /PONG|NOAUTH|NOPERM|MASTERDOWN/.test(quietly(() => cli('ping'))),
  });
  await server.start();
  noteUse(`Redis ${versionOf(path)}`);
  return {
    host,
    port,
    url: `${tls === undefined ? 'redis' : 'rediss'}://${host}:${port}`,
    cli,
    kill: () => server.end('SIGKILL'),
    restart: () => server.start(),
    signal: (name) => server.signal(name),
    stop: async () => {
      await server.end('SIGKILL');
      removeFolder(folder);
    },
    get log() {
      return server.log;
    },
  };
}

function tlsArguments(tls: TlsFiles, port: number): string[] {
  return [
    ...['--port', '0', '--tls-port', String(port), '--tls-auth-clients', 'optional'],
    ...['--tls-ca-cert-file', tls.ca, '--tls-cert-file', tls.cert, '--tls-key-file', tls.key],
  ];
}

function redisCli(host: string, port: number, command: readonly string[], more: readonly string[] = []): string {
  const path = findProgram('redis-cli') ?? findProgram('valkey-cli') ?? 'redis-cli';
  const args = ['-h', host, '-p', String(port), ...more, ...command];
  return execFileSync(path, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 10_000 }).trim();
}

function quietly(run: () => string): string {
  try {
    return run();
  } catch (error) {
    return String((error as { stderr?: unknown }).stderr ?? '');
  }
}

export interface RedisCluster {
  /** Masters first, then their replicas. */
  readonly nodes: readonly RedisServer[];
  stop(): Promise<void>;
}

/** A cluster of three masters, each with as many replicas as asked for; a dead master is replaced after about a second. */
export async function startRedisCluster({ replicas = 0 }: { replicas?: number } = {}): Promise<RedisCluster> {
  const nodes: RedisServer[] = [];
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  try {
    // The cluster bus is at the port plus 10000, so the port lies below 55536.
    const ports = await lowPorts(3 * (1 + replicas));
    for (const port of ports) {
      const args = [
        '--cluster-enabled',
        'yes',
        '--cluster-config-file',
        'nodes.conf',
        '--cluster-node-timeout',
        '1000',
      ];
      nodes.push(await startRedis({ port, args: [...args, '--cluster-require-full-coverage', 'no'] }));
    }
    const addresses = ports.map((port) => `127.0.0.1:${port}`);
    const [first] = nodes as [RedisServer];
    first.cli('--cluster', 'create', ...addresses, '--cluster-replicas', String(replicas), '--cluster-yes');
    await until('the Redis cluster forms', () =>
      nodes.every((node) => {
        const info = quietly(() => node.cli('cluster', 'info'));
        return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${nodes.length}`);
      }),
    );
    return { nodes, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function lowPorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    for (const port of await freePorts(count)) {
      const low = port > 55_000 ? port - 20_000 : port;
      if (found.size < count) found.add(low);
    }
  }
  return [...found];
}

export interface RedisSentinel {
  readonly sentinels: readonly { host: string; port: number }[];
  /** Name of the master that the sentinels watch. */
  readonly name: string;
  readonly master: RedisServer;
  readonly replica: RedisServer;
  stop(): Promise<void>;
}

/** A master with a replica, watched by three sentinels that fail over some two seconds after its death. */
export async function startRedisSentinel(): Promise<RedisSentinel> {
  const path = await program('sentinel');
  const name = 'stoa';
  const master = await startRedis({ args: ['--repl-diskless-sync-delay', '0'] });
  const replica = await startRedis({ args: ['--replicaof', `127.0.0.1 ${master.port}`] });
  const folder = temporaryFolder('sentinel');
  const ports = await freePorts(3);
  const servers: ServerProcess[] = [];
  const stop = async () => {
    await Promise.all(servers.map((server) => server.end('SIGKILL')));
    await Promise.all([master.stop(), replica.stop()]);
    removeFolder(folder);
  };
  try {
    for (const port of ports) {
      const file = join(folder, `sentinel-${port}.conf`);
      const lines = [
        'bind 127.0.0.1',
        `port ${port}`,
        `dir ${folder}`,
        `sentinel monitor ${name} 127.0.0.1 ${master.port} 2`,
        `sentinel down-after-milliseconds ${name} 1000`,
        `sentinel failover-timeout ${name} 3000`,
      ];
      writeFileSync(file, `${lines.join('\n')}\n`);
      const server = new ServerProcess({
        name: 'Redis Sentinel',
        program: path,
        args: [file, '--sentinel'],
        ready: async () => quietly(() => redisCli('127.0.0.1', port, ['ping'])) === 'PONG',
      });
      servers.push(server);
      await server.start();
    }
    await until('the sentinels know each other and the replica', () =>
      ports.every((port) => {
        const about = quietly(() => redisCli('127.0.0.1', port, ['sentinel', 'master', name])).split('\n');
        const value = (key: string) => about[about.indexOf(key) + 1];
        return value('num-slaves') === '1' && value('num-other-sentinels') === '2';
      }),
    );
    return { sentinels: ports.map((port) => ({ host: '127.0.0.1', port })), name, master, replica, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
