import type { Command } from 'commander';
import { type OpenOptions, openConfig } from '../cli/config.ts';
import { printResult } from '../cli/output.ts';
import { checkConfig } from '../config/check.ts';
import { configReference } from '../config/reference.ts';

export function registerConfig(program: Command): void {
  const config = program
    .command('config')
    .description('the configuration')
    .addHelpText(
      'after',
      `
Examples:
  stoa config check --config /etc/stoa/stoa.toml
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
}
