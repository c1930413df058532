import { coordinator } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import type { Command } from 'commander';
import { type OpenOptions, openConfig } from '../cli/config.ts';
import { printResult } from '../cli/output.ts';
import { type ServerOptions, withConnection, withServer } from '../cli/server.ts';
import { checkConfig } from '../config/check.ts';
import { configReference } from '../config/reference.ts';

/** Each process reads its own file, so what is wrong in one is in that process's log. */
async function reload(options: ServerOptions): Promise<void> {
  await withConnection(options, async (server) => {
    const events = [{ kind: { $case: 'configurationChanged' as const, value: {} } }];
    const { missed } = await server.client(coordinator.CoordinatorServiceDefinition).publish({ events });
    if (missed) {
      throw new StoaError('unavailable', 'the bus did not take the news: only processes of the node asked may have it');
    }
  });
  printResult(
    { published: true },
    'every process was told to read its configuration anew; what each took over, or refused, is in its log',
    options,
  );
}

export function registerConfig(program: Command): void {
  const config = program
    .command('config')
    .description('the configuration')
    .addHelpText(
      'after',
      `
Examples:
  stoa config check --config /etc/stoa/stoa.toml
  stoa config reload
  stoa config reference > configuration.md`,
    );
  config
    .command('check')
    .description('say what is wrong with a configuration, without starting anything')
    .option('-c, --config <file>', 'configuration file')
    .option('--json', 'write JSON')
    .action(async (options: OpenOptions & { json?: boolean }) => {
      const summary = await checkConfig(await openConfig(options));
      printResult(
        summary,
        `the configuration is good: node ${summary.node}, drivers ${Object.values(summary.drivers).join(', ')}`,
        options,
      );
    });
  config
    .command('reference')
    .description('write the reference of all keys, as Markdown')
    .action(async () => {
      process.stdout.write(await configReference());
    });
  withServer(
    config.command('reload').description('tell every process of the cluster to read its configuration anew'),
  ).action(reload);
}
