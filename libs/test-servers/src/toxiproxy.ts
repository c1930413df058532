import { program } from './catalog.ts';
import { versionOf } from './locate.ts';
import { accepts, freePort, freePorts, noteUse, ServerProcess } from './process.ts';

/** A fault that a proxy adds; types and attributes are toxiproxy's: latency, timeout, reset_peer, limit_data, bandwidth. */
export interface Toxic {
  type: string;
  stream?: 'upstream' | 'downstream';
  attributes: Record<string, number>;
}

/** One proxied port. */
export interface FaultyLine {
  readonly host: string;
  readonly port: number;
  /** Adds a fault; returns how to take it away. */
  add(toxic: Toxic): Promise<() => Promise<void>>;
  /** Off: connections are cut and refused. */
  setEnabled(enabled: boolean): Promise<void>;
}

export interface Toxiproxy {
  /** A proxy in front of a server. */
  proxy(host: string, port: number): Promise<FaultyLine>;
  stop(): Promise<void>;
}

export async function startToxiproxy(): Promise<Toxiproxy> {
  const path = await program('toxiproxy');
  const host = '127.0.0.1';
  const port = await freePort(host);
  const args = ['-host', host, '-port', String(port)];
  const server = new ServerProcess({ name: 'toxiproxy', program: path, args, ready: () => accepts(host, port) });
  await server.start();
  noteUse(`toxiproxy ${versionOf(path, '-version')}`);
  const call = async (method: string, target: string, body?: unknown) => {
    const init = { method, ...(body === undefined ? {} : { body: JSON.stringify(body) }) };
    const response = await fetch(`http://${host}:${port}${target}`, init);
    if (!response.ok) throw new Error(`toxiproxy: ${method} ${target}: ${response.status} ${await response.text()}`);
    await response.arrayBuffer();
  };
  let count = 0;
  return {
    async proxy(upstreamHost, upstreamPort) {
      const name = `proxy-${++count}`;
      const [listen] = (await freePorts(1, host)) as [number];
      const upstream = `${upstreamHost}:${upstreamPort}`;
      await call('POST', '/proxies', { name, listen: `${host}:${listen}`, upstream, enabled: true });
      return {
        host,
        port: listen,
        async add(toxic) {
          const toxicName = `toxic-${++count}`;
          await call('POST', `/proxies/${name}/toxics`, { name: toxicName, toxicity: 1, ...toxic });
          return () => call('DELETE', `/proxies/${name}/toxics/${toxicName}`);
        },
        setEnabled: (enabled) => call('POST', `/proxies/${name}`, { enabled }),
      };
    },
    stop: () => server.end('SIGKILL'),
  };
}
