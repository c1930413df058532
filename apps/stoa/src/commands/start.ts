import { storage } from '@stoa/contracts';
import { createLogger, parseServices, runNode, workerId } from '@stoa/service-kit';
import type { Command } from 'commander';
import { DEFAULT_FILES, openConfig } from '../cli/config.ts';
import { provisionDemo } from '../demo/provision.ts';
import { welcome } from '../demo/welcome.ts';
import { SERVICES } from '../services.ts';
import { VERSION } from '../version.ts';
import { readPlace, workerCount } from '../workers/place.ts';
import { type SupervisedNode, type SuperviseOptions, supervise } from '../workers/supervise.ts';
import { WorkerFailed } from '../workers/supervisor.ts';
import { becomeWorker } from '../workers/worker.ts';

interface StartOptions {
  config?: string;
  services: string;
  workers?: string;
  demo?: boolean;
}

/** What a start runs: the services in this process, or the processes that have them. */
interface Stoppable {
  stop(): Promise<void>;
  reload(): void;
  /** At a second signal: without waiting for work under way. */
  kill(): void;
}

/** Waits for the first signal to stop; a second one stops without waiting for work under way. */
async function untilStopped({ stop, reload, kill }: Stoppable): Promise<void> {
  await new Promise<void>((resolve) => {
    let asked = false;
    const onSignal = () => {
      if (asked) {
        kill();
        process.exit(1);
      }
      asked = true;
      stop().then(resolve, resolve);
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
    process.on('SIGHUP', reload);
  });
}

async function start(options: StartOptions): Promise<void> {
  const place = readPlace(process.env);
  const worker = place === undefined ? undefined : becomeWorker(place);
  const document = await openConfig(options);
  const core = document.core();
  const logger = createLogger({
    level: core.telemetry['log-level'],
    nodeId: place === undefined ? core.node.id : workerId(core.node.id, place.number),
    worker: place?.number,
  });
  process.on('uncaughtException', (error) => {
    logger.error({ error }, 'an error that nothing caught; the process ends');
    process.exit(1);
  });
  const services = parseServices(options.services, SERVICES);
  const count = workerCount(options.workers, core.node.workers);
  if (worker === undefined && count > 1) return runWorkers({ document, count, services, logger }, options);
  const node = await runNode({
    document,
    modules: SERVICES,
    services,
    version: VERSION,
    demo: options.demo === true,
    logger,
    ...(worker === undefined ? {} : { worker: worker.context }),
  });
  // The first worker is ready before the others start.
  if (options.demo === true && (place?.number ?? 1) === 1) {
    await provisionDemo(node.client(storage.DirectoryServiceDefinition));
  }
  if (worker !== undefined) return worker.run(node);
  tellReady(options, node.addresses, node.info.dataDirectory);
  node.logger.info({ addresses: node.addresses, services, version: VERSION, pid: process.pid }, 'ready');
  await untilStopped({
    stop: () => node.stop(),
    // What is wrong with the configuration is in the log, and the one before stays.
    reload: () => void node.reload('SIGHUP').catch(() => {}),
    kill: () => {},
  });
}

/** The services in several processes; this one starts them, and again when one dies. */
async function runWorkers(wanted: SuperviseOptions, options: StartOptions): Promise<void> {
  const { services, logger } = wanted;
  let node: SupervisedNode;
  try {
    node = await supervise(wanted);
  } catch (error) {
    if (!(error instanceof WorkerFailed)) throw error;
    // It has said what is wrong.
    process.stderr.write(`stoa: ${error.message}\n`);
    process.exit(error.exitCode);
  }
  const { addresses, dataDirectory, pids } = node;
  tellReady(options, addresses, dataDirectory);
  logger.info({ addresses, services, version: VERSION, pid: process.pid, workers: pids }, 'ready');
  await untilStopped(node);
  // Handles of the cluster module would keep the process alive.
  process.exit(0);
}

function tellReady({ demo }: StartOptions, addresses: Readonly<Record<string, string>>, folder: string): void {
  if (demo === true) process.stdout.write(welcome(addresses, folder));
}

export function registerStart(program: Command): void {
  program
    .command('start')
    .description('run services of this node until it is told to stop')
    .option('-c, --config <file>', `configuration file; without it ${DEFAULT_FILES.join(' or ')}`)
    .option('-s, --services <list>', 'services to run, separated by commas, or all', 'all')
    .option('-w, --workers <count>', 'processes side by side, or "auto" for one per core; in place of node.workers')
    .option('--demo', 'all services on loopback with embedded stores and two demo accounts; needs no configuration')
    .addHelpText(
      'after',
      `
Examples:
  stoa start --demo
  stoa start --config /etc/stoa/stoa.toml
  stoa start --config /etc/stoa/stoa.toml --workers auto
  stoa start --config /etc/stoa/stoa.toml --services imap,smtp`,
    )
    .action(start);
}
