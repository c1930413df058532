import { storage } from '@stoa/contracts';
import { createLogger, parseServices, type RunningNode, runNode } from '@stoa/service-kit';
import type { Command } from 'commander';
import { DEFAULT_FILES, openConfig } from '../cli/config.ts';
import { provisionDemo } from '../demo/provision.ts';
import { welcome } from '../demo/welcome.ts';
import { SERVICES } from '../services.ts';
import { VERSION } from '../version.ts';

interface StartOptions {
  config?: string;
  services: string;
  demo?: boolean;
}

/** Waits for the first signal to stop; a second one stops without waiting for work under way. */
async function untilStopped(node: RunningNode): Promise<void> {
  await new Promise<void>((resolve) => {
    let asked = false;
    const onSignal = () => {
      if (asked) process.exit(1);
      asked = true;
      node.stop().then(resolve, resolve);
    };
    process.on('SIGINT', onSignal);
    process.on('SIGTERM', onSignal);
    // What is wrong with the configuration is in the log, and the one before stays.
    process.on('SIGHUP', () => void node.reload('SIGHUP').catch(() => {}));
  });
}

async function start(options: StartOptions): Promise<void> {
  const document = await openConfig(options);
  const core = document.core();
  const logger = createLogger({ level: core.telemetry['log-level'], nodeId: core.node.id });
  process.on('uncaughtException', (error) => {
    logger.error({ error }, 'an error that nothing caught; the process ends');
    process.exit(1);
  });
  const node = await runNode({
    document,
    modules: SERVICES,
    services: parseServices(options.services, SERVICES),
    version: VERSION,
    demo: options.demo === true,
    logger,
  });
  if (options.demo === true) {
    await provisionDemo(node.client(storage.DirectoryServiceDefinition));
    process.stdout.write(welcome(node.addresses, node.info.dataDirectory));
  }
  node.logger.info(
    { addresses: node.addresses, services: node.info.services, version: VERSION, pid: process.pid },
    'ready',
  );
  await untilStopped(node);
}

export function registerStart(program: Command): void {
  program
    .command('start')
    .description('run services of this node until it is told to stop')
    .option('-c, --config <file>', `configuration file; without it ${DEFAULT_FILES.join(' or ')}`)
    .option('-s, --services <list>', 'services to run, separated by commas, or all', 'all')
    .option('--demo', 'all services on loopback with embedded stores and two demo accounts; needs no configuration')
    .addHelpText(
      'after',
      `
Examples:
  stoa start --demo
  stoa start --config /etc/stoa/stoa.toml
  stoa start --config /etc/stoa/stoa.toml --services imap,smtp`,
    )
    .action(start);
}
