import { randomUUID } from 'node:crypto';
import type { Bus } from '@stoa/plugin-sdk';
import { type Clock, systemClock } from '../../src/clock.ts';
import { Hub, type HubOptions } from '../../src/hub.ts';
import { LateBus } from '../../src/late-bus.ts';
import { stateName } from '../../src/membership.ts';
import { type BusPlace, openBus } from './real-bus.ts';
import { listen, recordingLogger } from './test-node.ts';

export interface RealNodeOptions extends Partial<Pick<HubOptions, 'joinWaitMs' | 'requireBus'>> {
  host?: string;
  clusterId?: string;
  clock?: Clock;
}

/** A coordinator on a real bus, with the times of the defaults. */
export function realNode(place: BusPlace, id: string, options: RealNodeOptions = {}) {
  const { host = `host-${id}`, clusterId = 'test', clock = systemClock, ...rest } = options;
  const logger = recordingLogger();
  const brought: string[] = [];
  let bus: Bus | undefined;
  const hub = new Hub({
    bus: new LateBus(async () => {
      bus = await openBus(place, id);
      return noting(bus, brought);
    }),
    topic: 'stwt.agora',
    node: { id, incarnation: clock.now(), clusterId, hostname: host, version: '1.0.0', services: ['coordinator'] },
    instance: randomUUID(),
    heartbeatMs: 500,
    suspectAfterMs: 1500,
    deadAfterMs: 2500,
    joinWaitMs: 600,
    clock,
    logger,
    ...rest,
  });
  let heard: ReturnType<typeof listen> | undefined;
  return {
    hub,
    logger,
    /** The topic of each message that the bus brought. */
    brought,
    /** State of another node as this one knows it. */
    state: (nodeId: string) => stateName(hub.members.find((member) => member.nodeId === nodeId)?.state),
    host: (nodeId: string) => hub.members.find((member) => member.nodeId === nodeId)?.host,
    get heard() {
      heard ??= listen(hub);
      return heard;
    },
    /** Its line to the bus ends without a word, as that of a process that was killed. */
    vanish: async () => void (await bus?.close()),
    async stop() {
      await hub.stop();
      await heard?.stop();
      await bus?.close();
    },
  };
}

function noting(bus: Bus, brought: string[]): Bus {
  return {
    publish: (topic, payload, options) => bus.publish(topic, payload, options),
    subscribe(topic, { message, gap, connected }, options) {
      const noted = (payload: Uint8Array) => {
        brought.push(topic);
        message(payload);
      };
      return bus.subscribe(topic, { message: noted, gap, connected }, options);
    },
    check: () => bus.check(),
    close: () => bus.close(),
  };
}

export type RealNode = ReturnType<typeof realNode>;
