import { coordinator, storage } from '@stoa/contracts';
import type { Command } from 'commander';
import { formatTable } from '../cli/output.ts';
import { type ServerOptions, withConnection, withServer } from '../cli/server.ts';
import { memberTable, memberView } from '../cluster/members.ts';
import { EXIT } from '../exit-codes.ts';

type Options = ServerOptions & { json?: boolean };

async function status(options: Options): Promise<void> {
  const { members, stats } = await withConnection(options, async (server) => {
    const [found, counted] = await Promise.all([
      server.client(coordinator.CoordinatorServiceDefinition).listMembers({}),
      server.client(storage.MaintenanceServiceDefinition).getStoreStats({}),
    ]);
    return { members: found.members.map(memberView), stats: counted };
  });
  const healthy = stats.stores.every((store) => store.healthy) && members.some((member) => member.state === 'alive');
  if (options.json === true) process.stdout.write(`${JSON.stringify({ healthy, members, ...stats }, undefined, 2)}\n`);
  else {
    const stores = stats.stores.map(({ kind, driver, healthy: well, detail }) => ({
      store: kind,
      driver,
      health: well ? 'healthy' : detail,
    }));
    process.stdout.write(
      `${memberTable(members)}\n${formatTable(stores, ['store', 'driver', 'health'])}\n` +
        `${stats.accounts} accounts, ${stats.queueEntries} entries in the queue\n`,
    );
  }
  if (!healthy) process.exitCode = EXIT.failed;
}

export function registerStatus(program: Command): void {
  withServer(
    program.command('status').description('nodes, stores and queue; exit code 1 when something is not well'),
  ).action(status);
}
