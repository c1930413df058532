import type { coordinator } from '@stoa/contracts';
import type { Logger } from '@stoa/service-kit';
import type { Clock } from '../../src/clock.ts';
import { Hub, type HubOptions } from '../../src/hub.ts';
import type { Interest } from '../../src/streams.ts';
import type { Item } from '../../src/subscriber.ts';
import type { TestBus } from './test-bus.ts';

export interface LogLine {
  level: string;
  message: string;
  fields: object;
}

export function recordingLogger(): Logger & { lines: LogLine[] } {
  const lines: LogLine[] = [];
  const at = (level: string) => (fields: object, message: string) => void lines.push({ level, message, fields });
  const logger = { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
  return { ...logger, child: () => ({ ...logger, child: () => recordingLogger() }) };
}

export interface TestNodeOptions extends Partial<Omit<HubOptions, 'bus' | 'clock' | 'node'>> {
  incarnation?: number;
  host?: string;
  /** Name on the bus, where it is not the node id. */
  station?: string;
}

let starts = 0;

/** A coordinator of a fake node. */
export function testNode(bus: TestBus, clock: Clock, id: string, options: TestNodeOptions = {}) {
  starts += 1;
  const logger = recordingLogger();
  const hub = new Hub({
    bus: bus.connect(options.station ?? id),
    topic: 'stwt.agora',
    node: {
      id,
      incarnation: options.incarnation ?? clock.now(),
      clusterId: 'test',
      hostname: options.host ?? `host-${id}`,
      version: '1.0.0',
      services: ['coordinator'],
    },
    instance: `instance-${String(starts).padStart(6, '0')}`,
    heartbeatMs: 500,
    suspectAfterMs: 1500,
    deadAfterMs: 2500,
    joinWaitMs: 0,
    clock,
    logger,
    ...options,
  });
  return { hub, logger };
}

const NOTHING: Interest = new Set<number>();

/** Listens to a coordinator, gathering what comes; of mailbox events those that it has an interest in. */
export function listen(hub: Hub, name = 'test', services: string[] = [], interest: Interest = NOTHING) {
  const items: NonNullable<Item['item']>[] = [];
  const abort = new AbortController();
  const done = (async () => {
    const subscription = hub.subscribe(name, services, abort.signal, interest);
    for await (const { item } of subscription) if (item !== undefined) items.push(item);
  })();
  return {
    items,
    domains: () =>
      items.flatMap((item) =>
        item.$case === 'delivery'
          ? (item.value.events ?? []).flatMap((event) =>
              event.kind?.$case === 'domainChanged' ? [event.kind.value?.domain] : [],
            )
          : [],
      ),
    accounts: () =>
      items.flatMap((item) =>
        item.$case === 'delivery'
          ? (item.value.events ?? []).flatMap((event) =>
              event.kind?.$case === 'mailboxChanged' ? [event.kind.value?.accountId] : [],
            )
          : [],
      ),
    gaps: () => items.flatMap((item) => (item.$case === 'gap' ? [item.value] : [])),
    async stop() {
      abort.abort();
      await done;
    },
  };
}

export function domainChanged(domain: string): coordinator.Event {
  return { traceParent: '', kind: { $case: 'domainChanged', value: { domain } } };
}

export function mailboxChanged(accountId: string): coordinator.Event {
  return { traceParent: '', kind: { $case: 'mailboxChanged', value: { accountId, mailboxId: 1, modseq: 1 } } };
}
