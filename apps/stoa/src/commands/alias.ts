import { storage } from '@stoa/contracts';
import type { Command } from 'commander';
import { printResult, printRows } from '../cli/output.ts';
import { type ServerOptions, withConnection, withServer } from '../cli/server.ts';

type Options = ServerOptions & { json?: boolean; domain?: string };

export function registerAlias(program: Command): void {
  const alias = program
    .command('alias')
    .description('addresses that lead to others')
    .addHelpText(
      'after',
      `
Examples:
  stoa alias add info@example.org alice@example.org bob@example.org
  stoa alias add '*@example.org' alice@example.org      (everything that has no address of its own)
  stoa alias remove info@example.org bob@example.org`,
    );
  withServer(alias.command('add <address> <targets...>').description('add an alias, or targets to one')).action(
    async (address: string, targets: string[], options: Options) => {
      const made = await withConnection(options, (server) =>
        server.client(storage.DirectoryServiceDefinition).addAlias({ address, targets }),
      );
      printResult(made.alias ?? {}, `${made.alias?.address} leads to ${made.alias?.targets.join(', ')}`, options);
    },
  );
  withServer(alias.command('list').description('list aliases'))
    .option('--domain <name>', 'of this domain only')
    .action(async (options: Options) => {
      const aliases: storage.Alias[] = [];
      await withConnection(options, async (server) => {
        for await (const page of server
          .client(storage.DirectoryServiceDefinition)
          .listAliases({ domain: options.domain ?? '' })) {
          aliases.push(...page.aliases);
        }
      });
      const rows =
        options.json === true
          ? aliases
          : aliases.map(({ address, targets }) => ({ address, targets: targets.join(', ') }));
      printRows(rows as never, ['address', 'targets'], options);
    });
  withServer(
    alias.command('remove <address> [targets...]').description('remove targets of an alias, or all of it'),
  ).action(async (address: string, targets: string[], options: Options) => {
    await withConnection(options, (server) =>
      server.client(storage.DirectoryServiceDefinition).removeAlias({ address, targets }),
    );
    printResult(
      { address, targets, removed: true },
      `removed ${targets.length === 0 ? address : targets.join(', ')}`,
      options,
    );
  });
}
