import { type coordinator, createInProcessClient, roles } from '@stoa/contracts';
import type { EventClient, EventListener, Logger, MailboxInterest, ServiceContext } from '@stoa/service-kit';
import { type RolesConfig, rolesConfig } from '../../src/config.ts';
import { roleKinds } from '../../src/kinds.ts';
import { createMetrics } from '../../src/metrics.ts';
import { RunRequests } from '../../src/run-requests.ts';
import { RoleRunner } from '../../src/runner.ts';
import { rolesModule } from '../../src/service.ts';
import type { FakeClock } from './fake-clock.ts';
import type { FakeMaintenance } from './fake-maintenance.ts';

export const logger: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => logger };

type Kind = NonNullable<coordinator.Event['kind']>;

/** Events that reach every listener at once, the publisher's own included. */
export class FakeEvents {
  readonly #listeners = new Set<(kind: Kind) => void>();
  readonly published: Kind[] = [];

  publish(kind: Kind): void {
    this.published.push(kind);
    for (const listener of this.#listeners) listener(kind);
  }

  listen(listener: (kind: Kind) => void): void {
    this.#listeners.add(listener);
  }
}

/** The runners of a role on a fake node, with a clock of their own that can be paused. */
export function testNode(
  clock: FakeClock,
  maintenance: FakeMaintenance,
  id: string,
  {
    role = 'purge.accounts',
    config = {},
    events = new FakeEvents(),
  }: { role?: string; config?: object; events?: FakeEvents } = {},
) {
  const process = clock.process();
  const parsed = rolesConfig.parse({ 'index-delay': '500ms', ...config });
  const kinds = roleKinds(parsed, [id]);
  const runners = kinds
    .filter(({ name }) => name === role)
    .flatMap((kind) =>
      kind.shards.own.map(
        (shard) =>
          new RoleRunner({
            role: kind,
            shard,
            maintenance: maintenance.client(),
            owner: `${id}:1`,
            leaseMs: parsed['lease-time'],
            gatherMs: parsed['index-delay'],
            clock: process,
            logger,
            metrics: createMetrics(),
          }),
      ),
    );
  const requests = new RunRequests({ kinds, runners, events, clock: process });
  events.listen((kind) => requests.heard(kind));
  return { process, runners, runner: runners[0] as RoleRunner, requests };
}

/** The whole service in a fake context. */
export async function testService(maintenance: FakeMaintenance, config: object = {}, id = '1') {
  const listeners = new Set<EventListener>();
  const interests: MailboxInterest[] = [];
  const events: EventClient = {
    publish: (kind) => {
      for (const listener of listeners) listener.event({ traceParent: '', kind }, id);
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    follow: (interest) => void interests.push(interest),
    connected: true,
    flush: async () => {},
  };
  const context = {
    config: rolesConfig.parse(config),
    node: { id, name: id, incarnation: 1 },
    logger,
    events,
    client: () => maintenance.client(),
    now: Date.now,
  } as unknown as ServiceContext<RolesConfig>;
  const service = await rolesModule.create(context);
  const client = createInProcessClient(roles.RolesServiceDefinition, service.contracts[0]?.implementation as never);
  return { service, client, events, listeners, interests };
}
