import { roles, storage } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import { bind, defineService, type Service } from '@stoa/service-kit';
import { systemClock } from './clock.ts';
import { rolesConfig } from './config.ts';
import { roleKinds } from './kinds.ts';
import { RoleRunner } from './runner.ts';

/** Background work: each role by the node that holds its lease. */
export const rolesModule = defineService({
  name: 'roles',
  configSchema: rolesConfig,
  needs: ['store-router', 'coordinator'],
  offers: [roles.RolesServiceDefinition],
  async create(context): Promise<Service> {
    const { config, node, logger, events } = context;
    const maintenance = context.client(storage.MaintenanceServiceDefinition);
    const kinds = roleKinds(config, node.id);
    const runners = kinds.flatMap((role) =>
      role.shards.map(
        (shard) =>
          new RoleRunner({
            role,
            shard,
            maintenance,
            owner: `${node.id}:${node.incarnation}`,
            leaseMs: config['lease-time'],
            gatherMs: config['index-delay'],
            clock: systemClock,
            logger,
          }),
      ),
    );
    const byName = (name: string) => runners.filter((runner) => runner.status.name === name);
    let unsubscribe: () => void = () => {};
    return {
      contracts: [
        bind(roles.RolesServiceDefinition, {
          async listRoles() {
            const idle = kinds
              .filter((role) => role.shards.length === 0)
              .map((role) => ({ name: role.name, enabled: false }));
            return { roles: [...runners.map((runner) => runner.status), ...idle] };
          },
          async runRole({ name }) {
            const found = byName(name);
            if (found.length === 0) {
              throw new StoaError(
                'not-found',
                `this node has no role ${JSON.stringify(name)}; there are ${kinds.map((role) => role.name).join(', ')}`,
              );
            }
            const results = await Promise.all(found.map((runner) => runner.run()));
            return { result: results.join('; ') };
          },
        }),
      ],
      async start() {
        for (const runner of runners) runner.start();
        unsubscribe = events.subscribe({
          event({ kind }) {
            if (kind?.$case === 'mailboxChanged')
              for (const runner of byName('fts-indexing')) runner.wish(kind.value.accountId);
          },
          // What was missed meanwhile is found by the run over all mailboxes.
          gap() {},
        });
      },
      async drain() {
        unsubscribe();
        await Promise.all(runners.map((runner) => runner.stop()));
      },
      async stop() {
        unsubscribe();
        await Promise.all(runners.map((runner) => runner.stop()));
      },
      check: async () => {},
      addresses: {},
      sessions: 0,
    };
  },
});
