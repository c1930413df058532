import { randomUUID } from 'node:crypto';
import { coordinator } from '@stoa/contracts';
import { TOPIC } from '@stoa/plugin-sdk';
import { bind, defineService, type Service } from '@stoa/service-kit';
import { systemClock } from './clock.ts';
import { coordinatorConfig } from './config.ts';
import { Hub } from './hub.ts';

/** Carries events between nodes over the bus driver, and knows who is in the cluster. */
export const coordinatorModule = defineService({
  name: 'coordinator',
  configSchema: coordinatorConfig,
  needs: [],
  offers: [coordinator.CoordinatorServiceDefinition],
  async create(context): Promise<Service> {
    const { config, node, logger } = context;
    const { driver, capabilities } = await context.driver('bus');
    const suffix = config['topic-suffix'];
    const hub = new Hub({
      bus: driver,
      topic: suffix === '' ? TOPIC : `${TOPIC}.${suffix}`,
      node,
      instance: randomUUID(),
      heartbeatMs: config['heartbeat-interval'],
      suspectAfterMs: config['suspect-after'],
      deadAfterMs: config['dead-after'],
      joinWaitMs: capabilities.shared === 'process' ? 0 : config['join-wait'],
      clock: { ...systemClock, now: context.now },
      logger,
    });
    return {
      contracts: [
        bind(coordinator.CoordinatorServiceDefinition, {
          async publish({ events, subscriber, sessions }, { signal }) {
            if (subscriber !== '') hub.setSessions(subscriber, sessions);
            if (events.length > 0) await hub.publish(events, signal);
            return {};
          },
          subscribe: ({ subscriber, services }, { signal }) => hub.subscribe(subscriber, services, signal),
          listMembers: async () => ({ members: hub.members }),
        }),
      ],
      start: () => hub.start(),
      drain: () => hub.leave(),
      stop: () => hub.stop(),
      check: () => hub.check(),
      addresses: {},
      sessions: 0,
    };
  },
});
