import { randomUUID } from 'node:crypto';
import { coordinator } from '@stoa/contracts';
import { TOPIC, toStoaError } from '@stoa/plugin-sdk';
import { bind, defineService, type Service } from '@stoa/service-kit';
import { systemClock } from './clock.ts';
import { coordinatorConfig } from './config.ts';
import { Hub } from './hub.ts';
import { LateBus } from './late-bus.ts';
import { readInterest } from './streams.ts';

/** How a bus fails that is away. */
const AWAY: ReadonlySet<string> = new Set(['unavailable', 'deadline-exceeded']);

/** Carries events between nodes over the bus driver, and knows who is in the cluster. */
export const coordinatorModule = defineService({
  name: 'coordinator',
  configSchema: coordinatorConfig,
  needs: [],
  offers: [coordinator.CoordinatorServiceDefinition],
  async create(context): Promise<Service> {
    const { config, node, logger } = context;
    const opened = await context.driver('bus').catch((error: unknown) => {
      const failure = toStoaError(error);
      if (!failure.retryable || config['require-bus']) throw failure;
      logger.warn({ error: failure }, 'the bus cannot be reached');
      return undefined;
    });
    const suffix = config['topic-suffix'];
    const hub = new Hub({
      bus: opened?.driver ?? new LateBus(async () => (await context.driver('bus')).driver),
      topic: suffix === '' ? TOPIC : `${TOPIC}.${suffix}`,
      node,
      instance: randomUUID(),
      heartbeatMs: config['heartbeat-interval'],
      suspectAfterMs: config['suspect-after'],
      deadAfterMs: config['dead-after'],
      joinWaitMs: opened?.capabilities.shared === 'process' ? 0 : config['join-wait'],
      requireBus: config['require-bus'],
      clock: { ...systemClock, now: context.now },
      logger,
    });
    return {
      contracts: [
        bind(coordinator.CoordinatorServiceDefinition, {
          async publish({ events, subscriber, sessions, leaving, lost, draining, drained, interest }) {
            if (subscriber !== '') hub.setSessions(subscriber, sessions);
            if (interest !== undefined) hub.setInterest(subscriber, readInterest(interest));
            if (draining) hub.setDraining(subscriber, drained);
            if (lost > 0) hub.lost(lost, subscriber);
            const missed = events.length > 0 && (await missesBus(hub, hub.publish(events)));
            if (leaving) hub.subscriberLeaves(subscriber);
            return { missed };
          },
          subscribe: ({ subscriber, services, interest }, { signal }) =>
            hub.subscribe(subscriber, services, signal, readInterest(interest)),
          listMembers: async () => ({ members: hub.members, degraded: hub.degraded ?? '' }),
        }),
      ],
      start: () => hub.start(),
      drain: () => hub.leave(),
      stop: () => hub.stop(),
      check: () => hub.check(),
      get degraded() {
        return hub.degraded;
      },
      addresses: {},
      sessions: 0,
    };
  },
});

/**
 * Whether the bus did not take what was published. The subscribers here have it, and a hole in the numbers tells the other
 * nodes, so it is nothing to be tried again. Other failures are thrown.
 */
async function missesBus(hub: Hub, publishing: Promise<void>): Promise<boolean> {
  try {
    await publishing;
    return false;
  } catch (error) {
    if (hub.stopped || !AWAY.has(toStoaError(error).code)) throw error;
    return true;
  }
}
