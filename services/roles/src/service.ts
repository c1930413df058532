import { roles, storage } from '@stoa/contracts';
import { bind, defineService, type Service } from '@stoa/service-kit';
import { systemClock } from './clock.ts';
import { rolesConfig } from './config.ts';
import { roleKinds } from './kinds.ts';
import { createMetrics } from './metrics.ts';
import { RunRequests } from './run-requests.ts';
import { RoleRunner } from './runner.ts';
import { shardOf } from './shards.ts';
import { roleStatus } from './status.ts';

/** Background work: each shard of a role by the node that holds its lease. */
export const rolesModule = defineService({
  name: 'roles',
  configSchema: rolesConfig,
  needs: ['store-router', 'coordinator'],
  offers: [roles.RolesServiceDefinition],
  async create(context): Promise<Service> {
    const { config, node, logger, events } = context;
    const clock = { ...systemClock, now: context.now };
    const maintenance = context.client(storage.MaintenanceServiceDefinition);
    const metrics = createMetrics();
    const kinds = roleKinds(config, [node.id, node.name]);
    const runners = kinds.flatMap((role) =>
      (role.enabled ? role.shards.own : []).map(
        (shard) =>
          new RoleRunner({
            role,
            shard,
            maintenance,
            owner: `${node.id}:${node.incarnation}`,
            leaseMs: config['lease-time'],
            gatherMs: config['index-delay'],
            clock,
            logger,
            metrics,
            onOwner: () => follow(),
          }),
      ),
    );
    const requests = new RunRequests({ kinds, runners, events, clock });
    const followers = runners.filter((runner) => runner.followsMailboxes);
    /** Of all nodes only the owner of a role that follows mailboxes needs to hear of them; what it missed before it sweeps up. */
    const follow = () => events.follow(followers.some(({ status }) => status.owner) ? 'all' : new Set());
    const sweep = () => {
      for (const runner of followers) runner.sweep();
    };
    let unsubscribe: () => void = () => {};
    const stop = async () => {
      unsubscribe();
      await Promise.all(runners.map((runner) => runner.stop()));
    };
    return {
      contracts: [
        bind(roles.RolesServiceDefinition, {
          listRoles: async () => ({
            roles: kinds.map((role) =>
              roleStatus(
                role,
                runners.filter(({ name }) => name === role.name),
              ),
            ),
          }),
          runRole: async ({ name }, { signal }) => ({ result: await requests.run(name, signal) }),
        }),
      ],
      async start() {
        unsubscribe();
        unsubscribe = events.subscribe({
          event({ kind }) {
            if (kind?.$case !== 'mailboxChanged') {
              requests.heard(kind);
              return;
            }
            const { accountId } = kind.value;
            for (const runner of followers) {
              if (shardOf(accountId, runner.shardCount) === runner.shard) runner.wish(accountId);
            }
          },
          gap: sweep,
          mailboxGap: sweep,
        });
        for (const runner of runners) runner.start();
      },
      drain: stop,
      stop,
      // A role that cannot run is retried and shown by ListRoles; mail does not wait for it.
      check: async () => {},
      addresses: {},
      sessions: 0,
    };
  },
});
