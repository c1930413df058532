/** `npm run cluster`: a cluster of three nodes with real servers behind it, on this machine, until Ctrl-C. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { createChannel, createGrpcClient, storage } from '@stoa/contracts';
import { hasCode } from '@stoa/plugin-sdk';
import { channelCredentials } from '@stoa/service-kit';
import { ensure, missing } from '@stoa/test-servers';
import { addressesOf, type Backends, type BusName, startBackends, storesToml } from './backends.ts';
import { fixedNodes, LocalCluster } from './local-cluster.ts';

const USAGE = `npm run cluster -- [options]

  --bus nats|redis   what carries the events (nats)
  --nodes N          how many nodes (3)
  --folder PATH      where data, certificates and configuration are kept; a temporary folder without it
  --no-jaeger        no traces
  --password WORD    of the accounts that are made (stoa)
`;

const DOMAIN = 'example.test';
const ACCOUNTS = ['alice', 'bob'];

const { values } = parseArgs({
  options: {
    bus: { type: 'string', default: 'nats' },
    nodes: { type: 'string', default: '3' },
    folder: { type: 'string' },
    'no-jaeger': { type: 'boolean', default: false },
    password: { type: 'string', default: 'stoa' },
    help: { type: 'boolean', default: false },
  },
});

const say = (line: string) => process.stdout.write(`${line}\n`);

async function provision(cluster: LocalCluster): Promise<void> {
  const [node] = cluster.nodes;
  if (node === undefined) return;
  const address = { host: node.host, port: node.cluster['store-router'] };
  const channel = createChannel(`${address.host}:${address.port}`, channelCredentials(cluster.pki(node.id), address));
  const directory = createGrpcClient(storage.DirectoryServiceDefinition, channel);
  const unlessThere = (error: unknown) => {
    if (!hasCode(error, 'already-exists')) throw error;
  };
  await directory.createDomain({ name: DOMAIN }).catch(unlessThere);
  for (const name of ACCOUNTS) {
    await directory.createAccount({ address: `${name}@${DOMAIN}`, password: values.password }).catch(unlessThere);
  }
  channel.close();
}

function welcome(cluster: LocalCluster, backends: Backends, folder: string): string {
  const nodes = cluster.nodes.map(({ id, host, listeners, http }) => {
    const ports = Object.entries(listeners).map(([name, port]) => `${name} ${port}`);
    return `  node ${id}  ${host}  ${ports.join('  ')}  health http://${host}:${http.imap}/health/ready`;
  });
  const [first, , third = cluster.nodes[0]] = cluster.nodes;
  const accounts = ACCOUNTS.map((name) => `${name}@${DOMAIN}`).join(', ');
  return `
The cluster is ready: ${cluster.nodes.length} nodes, ${cluster.processes.length} processes, mutual TLS between them.

${nodes.join('\n')}

  accounts   ${accounts}; password "${values.password}"
  mail       swaks --server ${first?.host}:${first?.listeners.smtp} --to alice@${DOMAIN} --from you@elsewhere.test
  read       curl -k -u alice@${DOMAIN}:${values.password} 'imaps://${third?.host}:${third?.listeners.imaps}/INBOX;MAILINDEX=1'
  nodes      npm run stoa -- cluster nodes --config ${cluster.configPath(first?.id ?? '1')}
  look in    psql '${backends.postgres.url}'
  traces     ${backends.jaeger === undefined ? 'Jaeger does not run' : `${backends.jaeger.query}/api/traces?service=stoa-smtp`}
  files      ${folder}

Ctrl-C ends all of it.
`;
}

async function run(): Promise<void> {
  if (values.help) return void say(USAGE);
  const bus = values.bus as BusName;
  if (bus !== 'nats' && bus !== 'redis') throw new Error(`--bus is nats or redis, not ${values.bus}`);
  const count = Number(values.nodes);
  if (!Number.isInteger(count) || count < 1 || count > 50) throw new Error('--nodes: expected a number from 1 to 50');
  const lacking = await ensure(['postgres', 'redis', ...(bus === 'nats' ? (['nats'] as const) : []), 's3'], {
    log: say,
  });
  if (lacking.length > 0) throw new Error(`these cannot be started:\n  ${lacking.join('\n  ')}`);
  const noJaeger = values['no-jaeger'] ? 'as asked' : missing('jaeger');
  if (noJaeger !== undefined) say(`without traces: ${noJaeger}`);

  const folder = values.folder === undefined ? mkdtempSync(join(tmpdir(), 'stoa-cluster-')) : resolve(values.folder);
  mkdirSync(folder, { recursive: true });
  let ending: Promise<void> | undefined;
  const steps: (() => Promise<void> | void)[] = [];
  const end = () => {
    ending ??= (async () => {
      say('\nending …');
      for (const step of steps.reverse()) await step();
      if (values.folder === undefined) rmSync(folder, { recursive: true, force: true });
    })();
    return ending;
  };
  const interrupted = new Promise<void>((done) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => done());
  });
  const work = async () => {
    const backends = await startBackends({
      bus,
      jaeger: noJaeger === undefined,
      progress: say,
      ...(values.folder === undefined ? {} : { folder }),
    });
    steps.push(() => backends.stop());
    const otlp = backends.jaeger?.otlp;
    const environment: Record<string, string> =
      otlp === undefined ? {} : { STOA_TELEMETRY__OTLP_ENDPOINT: `"${otlp}"` };
    const cluster = LocalCluster.prepare({
      folder,
      nodes: fixedNodes(count),
      toml: storesToml(addressesOf(backends)),
      environment,
    });
    steps.push(() => cluster.stop());
    await cluster.startAll(say);
    await provision(cluster);
    say(welcome(cluster, backends, folder));
    await interrupted;
  };
  try {
    await Promise.race([work(), interrupted]);
  } finally {
    await end();
  }
}

try {
  await run();
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = 1;
}
// What was still starting when Ctrl-C came is ended with this process.
process.exit();
