import { roles } from '@stoa/contracts';
import type { Command } from 'commander';
import { formatTime, printResult, printRows } from '../cli/output.ts';
import { type ServerOptions, withConnection, withServer } from '../cli/server.ts';

type Options = ServerOptions & { json?: boolean };

export function registerRole(program: Command): void {
  const role = program
    .command('role')
    .description('background work of this node')
    .addHelpText(
      'after',
      `
Examples:
  stoa role list
  stoa role run purge.stores`,
    );
  withServer(role.command('list').description('list roles')).action(async (options: Options) => {
    const { roles: list } = await withConnection(options, (server) =>
      server.client(roles.RolesServiceDefinition).listRoles({}),
    );
    const rows = list.map((each) => ({
      name: each.name,
      enabled: each.enabled ? 'yes' : 'no',
      'last run': formatTime(each.lastRunAt),
      'next run': formatTime(each.nextRunAt),
      result: each.lastError === '' ? each.lastResult : each.lastError,
    }));
    printRows(
      (options.json === true ? list : rows) as never,
      ['name', 'enabled', 'last run', 'next run', 'result'],
      options,
    );
  });
  withServer(role.command('run <name>').description('do the work of a role now')).action(
    async (name: string, options: Options) => {
      const done = await withConnection(options, (server) =>
        server.client(roles.RolesServiceDefinition).runRole({ name }, { timeoutMs: 3_600_000 }),
      );
      printResult(done, done.result, options);
    },
  );
}
