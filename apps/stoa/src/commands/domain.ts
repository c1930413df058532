import { storage } from '@stoa/contracts';
import type { Command } from 'commander';
import { formatTime, printResult, printRows } from '../cli/output.ts';
import { type ServerOptions, withConnection, withServer } from '../cli/server.ts';

type Options = ServerOptions & { json?: boolean };

export function registerDomain(program: Command): void {
  const domain = program
    .command('domain')
    .description('domains that this cluster has mail for')
    .addHelpText(
      'after',
      `
Examples:
  stoa domain add example.org
  stoa domain list`,
    );
  withServer(domain.command('add <name>').description('add a domain')).action(
    async (name: string, options: Options) => {
      const made = await withConnection(options, (server) =>
        server.client(storage.DirectoryServiceDefinition).createDomain({ name }),
      );
      printResult(made.domain ?? {}, `added ${made.domain?.name}`, options);
    },
  );
  withServer(domain.command('list').description('list domains')).action(async (options: Options) => {
    const { domains } = await withConnection(options, (server) =>
      server.client(storage.DirectoryServiceDefinition).listDomains({}),
    );
    const rows =
      options.json === true
        ? domains
        : domains.map(({ name, createdAt }) => ({ name, created: formatTime(createdAt) }));
    printRows(rows as never, ['name', 'created'], options);
  });
  withServer(domain.command('delete <name>').description('delete a domain that has no accounts and aliases')).action(
    async (name: string, options: Options) => {
      await withConnection(options, (server) =>
        server.client(storage.DirectoryServiceDefinition).deleteDomain({ name }),
      );
      printResult({ name, deleted: true }, `deleted ${name}`, options);
    },
  );
}
