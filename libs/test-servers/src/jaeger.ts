import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CATALOG, given, program } from './catalog.ts';
import { accepts, freePorts, noteUse, removeFolder, ServerProcess, temporaryFolder } from './process.ts';

export interface Jaeger {
  /** Where OTLP over HTTP is taken: http://host:port */
  readonly otlp: string;
  /** The query API: http://host:port */
  readonly query: string;
  stop(): Promise<void>;
}

/** Jaeger with its traces in memory. `STOA_JAEGER` names one that runs: "http://host:16686,http://host:4318". */
export async function startJaeger({ host = '127.0.0.1' }: { host?: string } = {}): Promise<Jaeger> {
  const address = given('jaeger');
  if (address !== undefined) {
    const [query = '', otlp = ''] = address.split(',');
    noteUse(`Jaeger at ${query}`);
    return { query, otlp, stop: async () => {} };
  }
  const path = await program('jaeger');
  const [grpc, http, queryHttp, queryGrpc, health] = (await freePorts(5, host)) as [
    number,
    number,
    number,
    number,
    number,
  ];
  const folder = temporaryFolder('jaeger');
  const file = join(folder, 'jaeger.yaml');
  writeFileSync(
    file,
    `service:
  extensions: [jaeger_storage, jaeger_query, healthcheckv2]
  pipelines:
    traces: { receivers: [otlp], processors: [], exporters: [jaeger_storage_exporter] }
  telemetry: { metrics: { level: none }, logs: { level: warn } }
extensions:
  healthcheckv2: { use_v2: true, http: { endpoint: "${host}:${health}" } }
  jaeger_query:
    storage: { traces: memory }
    http: { endpoint: "${host}:${queryHttp}" }
    grpc: { endpoint: "${host}:${queryGrpc}" }
  jaeger_storage: { backends: { memory: { memory: { max_traces: 100000 } } } }
receivers:
  otlp: { protocols: { grpc: { endpoint: "${host}:${grpc}" }, http: { endpoint: "${host}:${http}" } } }
exporters:
  jaeger_storage_exporter: { trace_storage: memory }
`,
  );
  const server = new ServerProcess({
    name: 'Jaeger',
    program: path,
    args: ['--config', `file:${file}`],
    ready: async () => (await accepts(host, queryHttp)) && accepts(host, http),
  });
  await server.start();
  noteUse('Jaeger 1.76 (v2)');
  return {
    otlp: `http://${host}:${http}`,
    query: `http://${host}:${queryHttp}`,
    // SIGTERM would take it ten seconds.
    stop: async () => {
      await server.end('SIGKILL');
      removeFolder(folder);
    },
  };
}

/** Address or program of a Jaeger that is there already; the tests do not wait ten minutes for one to be built. */
export function findJaeger(): string | undefined {
  return given('jaeger') ?? CATALOG.jaeger.find();
}
