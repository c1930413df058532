import { resolve } from 'node:path';
import { type Client, coordinator, type ServiceDefinition } from '@stoa/contracts';
import { StoaError, toStoaError } from '@stoa/plugin-sdk';
import type { ConfigDocument } from '../config/load.ts';
import { sectionNames } from '../config/load.ts';
import { formatAddress } from '../config/types.ts';
import { CoordinatorEventClient } from '../events/event-client.ts';
import { scopedEvents } from '../events/scoped-events.ts';
import { HealthServer } from '../http/health-server.ts';
import { listenHere } from '../net/listen.ts';
import { DriverHost } from '../plugins/host.ts';
import { ContractServer } from '../server/grpc-server.ts';
import type { NodeInfo, Service, ServiceContext, ServiceModule, ServiceName } from '../service.ts';
import { createLogger } from '../telemetry/create-logger.ts';
import type { Logger } from '../telemetry/logger.ts';
import { enterService } from '../telemetry/service-scope.ts';
import { startTelemetry } from '../telemetry/setup.ts';
import { FileCertificateStore } from '../tls/certificate-store.ts';
import { Channels, ownersOf } from './channels.ts';
import { ConfigReloader, certificateFiles, type ReloadResult } from './config-reload.ts';
import { NodeDrain } from './drain.ts';
import { lockDataDirectory } from './process-lock.ts';
import { certificateSharing, showsCertificates } from './sharing.ts';
import { startOrder } from './start-order.ts';
import { type WorkerContext, workerHttpSocket, workerId } from './worker-place.ts';

export interface NodeOptions {
  document: ConfigDocument;
  /** Every service there is; the table of the executable. */
  modules: readonly ServiceModule[];
  /** Those to run in this process. */
  services: readonly ServiceName[];
  version: string;
  demo?: boolean;
  /** Where this process is one of several workers of the node. */
  worker?: WorkerContext;
  /** In place of JSON lines on standard output. */
  logger?: Logger;
}

export interface RunningNode {
  readonly info: NodeInfo;
  /** Listeners of all services, with `http` and `cluster`: name to "host:port". */
  readonly addresses: Readonly<Record<string, string>>;
  readonly logger: Logger;
  readonly services: ReadonlyMap<ServiceName, Service>;
  /** A client of a contract, as the services of this node have it. */
  client<D extends ServiceDefinition>(definition: D): Client<D>;
  /**
   * Reads the configuration file anew, takes over what can change while the process runs, and tells what needs a restart.
   * Rejects with `invalid-configuration` when it is refused; then all stays as it was. `cause`: for the log.
   */
  reload(cause: string): Promise<ReloadResult>;
  /** Takes no new clients and says goodbye to those it has, but goes on to run; as an order for its node does. */
  drain(): Promise<void>;
  /** Stops accepting, lets work end for at most `node.drain-timeout`, then closes everything. Safe to call twice. */
  stop(): Promise<void>;
}

/** What to undo at the end, last first. */
class CleanUp {
  readonly #steps: [name: string, run: () => unknown][] = [];

  add(name: string, run: () => unknown): void {
    this.#steps.push([name, run]);
  }

  async run(logger: Logger): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step[1]();
      } catch (error) {
        logger.error({ error, step: step[0] }, 'a step of the stop failed');
      }
    }
  }
}

/** Starts services as a node. When something fails, what was started is stopped again and the error is thrown. */
export async function runNode(options: NodeOptions): Promise<RunningNode> {
  const { document, modules, services, version, worker } = options;
  document.checkSectionNames(sectionNames(modules.map((module) => module.name)));
  const core = document.core();
  const configs = new Map(modules.map((module) => [module.name, document.section(module.name, module.configSchema)]));
  const info: NodeInfo = {
    id: worker === undefined ? core.node.id : workerId(core.node.id, worker.number),
    name: core.node.id,
    incarnation: Date.now(),
    clusterId: core.node['cluster-id'],
    hostname: core.node.hostname,
    dataDirectory: resolve(document.folder, core.node['data-directory']),
    version,
    demo: options.demo === true,
    services,
  };
  const logger = options.logger ?? createLogger({ level: core.telemetry['log-level'], nodeId: info.id });
  const cleanUp = new CleanUp();
  try {
    return await start({ ...options, core, configs, info, logger, cleanUp });
  } catch (error) {
    await cleanUp.run(logger);
    throw toStoaError(error);
  }
}

interface Start extends NodeOptions {
  core: ReturnType<ConfigDocument['core']>;
  configs: ReadonlyMap<ServiceName, unknown>;
  info: NodeInfo;
  logger: Logger;
  cleanUp: CleanUp;
}

async function start(given: Start): Promise<RunningNode> {
  const { document, modules, services, core, configs, info, logger, cleanUp, worker } = given;
  cleanUp.add('lock', lockDataDirectory(info.dataDirectory, services, worker?.number));
  const telemetry = startTelemetry({ config: core.telemetry, nodeId: info.id, version: info.version, services });
  cleanUp.add('telemetry', () => telemetry.shutdown());
  const drivers = new DriverHost(document, info, logger, worker);
  cleanUp.add('drivers', () => drivers.close());
  const certificates = new FileCertificateStore(
    certificateFiles(core, document.folder),
    logger,
    core.tls['min-version'],
  );
  certificates.watch();
  cleanUp.add('certificates', () => certificates.close());

  const channels = new Channels(core.cluster, ownersOf(modules), services);
  cleanUp.add('channels', () => channels.close());
  const running = new Map<ServiceName, Service>();
  const coordinatorClient = channels.client(coordinator.CoordinatorServiceDefinition);
  const subscriber = `${info.id}:${services.join('+')}`;
  const events = new CoordinatorEventClient({
    client: coordinatorClient,
    subscriber,
    services,
    logger: logger.child({ component: 'events' }),
    sessions: () => [...running.values()].reduce((sum, service) => sum + service.sessions, 0),
  });

  const sharing = certificateSharing({
    core,
    services,
    nodeId: info.id,
    channels,
    store: certificates,
    events,
    logger,
  });
  let accepting = false;
  let leaving = false;
  const addresses: Record<string, string> = {};
  if (core.http.listen !== undefined) {
    const http = new HealthServer({
      checks: () => new Map([...running].map(([name, service]) => [name, () => service.check()])),
      degraded: () => degradations(running, events),
      accepting: () => accepting,
      draining: () => leaving,
      handleMetrics: (request, response) => telemetry.handleMetrics(request, response),
    });
    // Who started the workers answers at the address, for them all.
    if (worker === undefined) addresses['http'] = formatAddress(await http.listen(core.http.listen));
    else await http.listen({ path: workerHttpSocket(worker.folder, worker.number) });
    cleanUp.add('http', () => http.close());
  }

  const order = startOrder(modules, services);
  for (const module of order) {
    const service = await enterService(module.name, () =>
      module.create(
        contextOf(module, {
          info,
          logger,
          channels,
          events,
          certificates,
          drivers,
          listen: worker?.listen ?? listenHere,
          config: configs.get(module.name),
        }),
      ),
    );
    running.set(module.name, service);
    cleanUp.add(module.name, () => service.stop());
    for (const binding of service.contracts) channels.bind(binding);
  }
  let server: ContractServer | undefined;
  if (core.cluster.listen !== undefined) {
    const grpc = new ContractServer(logger);
    server = grpc;
    for (const [owner, service] of running) for (const binding of service.contracts) grpc.add({ ...binding, owner });
    addresses['cluster'] = formatAddress(await grpc.listen(core.cluster.listen, core.cluster.tls));
    cleanUp.add('cluster', () => grpc.stop(2_000));
  }
  const reloader = new ConfigReloader({
    document,
    modules,
    core,
    configs,
    running,
    drivers: () => drivers.kinds,
    certificates,
    logger,
  });
  cleanUp.add(
    'reload',
    events.subscribe({
      event({ kind }, nodeId) {
        // What is wrong is in the log, and in the metrics.
        if (kind?.$case === 'configurationChanged') reloader.reload(`event of node ${nodeId}`).catch(() => {});
      },
      gap() {},
    }),
  );
  // Events flow as soon as a coordinator can be called; services that start later subscribe to a line that stands.
  let eventsStarted = false;
  const startEvents = () => {
    if (eventsStarted) return;
    eventsStarted = true;
    events.start();
    cleanUp.add('events', () => events.stop());
  };
  if (!services.includes('coordinator')) startEvents();
  let shared = false;
  for (const module of order) {
    const service = running.get(module.name) as Service;
    if (sharing !== undefined && !shared && showsCertificates(module.name)) {
      shared = true;
      cleanUp.add('shared certificates', () => sharing.stop());
      await sharing.start();
    }
    await enterService(module.name, () => service.start());
    Object.assign(addresses, service.addresses);
    if (module.name === 'coordinator') startEvents();
  }
  accepting = true;
  server?.setServing(true);
  const refuse = () => {
    leaving = true;
    accepting = false;
    server?.setServing(false);
  };
  const drain = new NodeDrain({
    names: [info.id, info.name],
    services: new Map(order.map((module) => [module.name, running.get(module.name) as Service])),
    timeoutMs: core.node['drain-timeout'],
    client: coordinatorClient,
    subscriber,
    events,
    logger,
    onDraining: refuse,
  });

  let stopping: Promise<void> | undefined;
  const stop = async () => {
    drain.close();
    refuse();
    logger.info({}, 'stopping');
    const limit = AbortSignal.timeout(core.node['drain-timeout']);
    for (const module of [...order].reverse()) {
      await running
        .get(module.name)
        ?.drain(limit)
        .catch((error: unknown) => {
          logger.error({ error, service: module.name }, 'the drain failed');
        });
    }
    await cleanUp.run(logger);
    logger.info({}, 'stopped');
  };
  return {
    info,
    addresses,
    logger,
    services: running,
    client: (definition) => channels.client(definition),
    reload: (cause) => reloader.reload(cause),
    drain: () => drain.drain(),
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

/** What this process misses though it works. */
function degradations(
  running: ReadonlyMap<ServiceName, Service>,
  events: CoordinatorEventClient,
): ReadonlyMap<string, string> {
  const missing = new Map<string, string>();
  for (const [name, { degraded }] of running) if (degraded !== undefined) missing.set(name, degraded);
  if (!events.connected && !running.has('coordinator')) {
    missing.set('events', 'no events of other nodes come; the stores are looked at instead');
  }
  return missing;
}

type Parts = Pick<ServiceContext<unknown>, 'config' | 'listen'> & {
  info: NodeInfo;
  logger: Logger;
  channels: Channels;
  events: CoordinatorEventClient;
  certificates: FileCertificateStore;
  drivers: DriverHost;
};

function contextOf(module: ServiceModule, parts: Parts): ServiceContext<unknown> {
  return {
    config: parts.config,
    node: parts.info,
    logger: parts.logger.child({ service: module.name }),
    client: (definition) => parts.channels.client(definition),
    events: scopedEvents(parts.events, module.name),
    certificates: parts.certificates,
    driver: (kind) => parts.drivers.get(kind),
    listen: parts.listen,
    now: Date.now,
  };
}

/** For those who start nodes: which services a list such as "imap,smtp" or "all" means. */
export function parseServices(list: string, modules: readonly ServiceModule[]): ServiceName[] {
  const known = modules.map((module) => module.name);
  const wanted = list.split(',').map((name) => name.trim());
  if (wanted.includes('all')) return known;
  for (const name of wanted) {
    if (!known.includes(name as ServiceName)) {
      throw new StoaError(
        'invalid-argument',
        `there is no service ${JSON.stringify(name)}; there are ${known.join(', ')}, and all`,
      );
    }
  }
  return known.filter((name) => wanted.includes(name));
}
