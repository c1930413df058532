import { coordinator } from '@stoa/contracts';
import { TOPIC } from '@stoa/plugin-sdk';
import { bind, defineService, type Service } from '@stoa/service-kit';
import { coordinatorConfig } from './config.ts';
import { Hub } from './hub.ts';
import { systemTimers } from './timers.ts';

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
      heartbeatMs: config['heartbeat-interval'],
      suspectAfterMs: config['suspect-after'],
      deadAfterMs: config['dead-after'],
      joinWaitMs: capabilities.shared === 'process' ? 0 : config['join-wait'],
      timers: systemTimers,
      logger,
      sessions: () => 0,
    });
    return {
      contracts: [
        bind(coordinator.CoordinatorServiceDefinition, {
          async publish({ events }) {
            await hub.publish(events);
            return {};
          },
          subscribe: ({ services }, call) => hub.subscribe(services, call.signal),
          listMembers: async () => ({ members: hub.members }),
        }),
      ],
      start: () => hub.start(),
      drain: async () => {},
      stop: () => hub.stop(),
      check: () => hub.check(),
      addresses: {},
      sessions: 0,
    };
  },
});
