import type { Client, coordinator } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import { describe, expect, it, vi } from 'vitest';
import { recordingLogger } from '../../test/recording-logger.ts';
import type { EventListener } from '../events/types.ts';
import type { Service, ServiceName } from '../service.ts';
import { NodeDrain } from './drain.ts';

type Told = Pick<coordinator.PublishRequest, 'subscriber' | 'sessions' | 'draining' | 'drained'>;

/** A process with a coordinator, a router and an IMAP service whose sessions end when they are told to. */
function setUp() {
  const log: string[] = [];
  const told: Told[] = [];
  let listener: EventListener | undefined;
  let endSessions = () => {};
  const sessionsEnd = new Promise<void>((resolve) => {
    endSessions = resolve;
  });
  const service = (name: string, sessions: number): Service => {
    const made = {
      contracts: [],
      start: async () => {},
      async drain() {
        log.push(`${name} drains`);
        if (name === 'imap') await sessionsEnd;
        if (name === 'roles') throw new StoaError('internal', 'cannot');
        made.sessions = 0;
      },
      stop: async () => {},
      check: async () => {},
      addresses: {},
      sessions,
    };
    return made;
  };
  const services = new Map<ServiceName, Service>([
    ['coordinator', service('coordinator', 0)],
    ['store-router', service('store-router', 0)],
    ['roles', service('roles', 0)],
    ['imap', service('imap', 3)],
  ]);
  const drain = new NodeDrain({
    names: ['2-1', '2'],
    services,
    timeoutMs: 10_000,
    client: {
      publish: async (request: Told) => {
        told.push(request);
        return { missed: false };
      },
    } as unknown as Client<typeof coordinator.CoordinatorServiceDefinition>,
    subscriber: '2:all',
    events: {
      flush: async () => {},
      subscribe: (given) => {
        listener = given;
        return () => {
          listener = undefined;
        };
      },
    },
    logger: recordingLogger(),
    onDraining: () => log.push('refuses'),
  });
  const order = (nodeId: string) =>
    listener?.event({ traceParent: '', kind: { $case: 'nodeDrainRequested', value: { nodeId } } }, '1');
  return { drain, log, told, order, endSessions, gap: () => listener?.gap('test', undefined) };
}

describe('a process whose node is to drain', () => {
  it('refuses clients, then drains all services but the coordinator, and tells of both', async () => {
    const { drain, log, told, order, endSessions } = setUp();
    order('2');
    order('2');
    await vi.waitFor(() => expect(told).toHaveLength(1));
    expect(log).toEqual(['refuses', 'imap drains']);
    expect(told[0]).toEqual({ subscriber: '2:all', sessions: 3, draining: true, drained: false });
    expect(drain.draining).toBe(true);
    endSessions();
    await drain.drain();
    expect(log).toEqual(['refuses', 'imap drains', 'roles drains', 'store-router drains']);
    expect(told[1]).toEqual({ subscriber: '2:all', sessions: 0, draining: true, drained: true });
  });

  it('does nothing on the order for another node, or after its end', async () => {
    const { drain, log, order } = setUp();
    order('1');
    drain.close();
    order('2');
    await Promise.resolve();
    expect([drain.draining, log]).toEqual([false, []]);
  });

  it('tells the coordinator again that may be another now', async () => {
    const { drain, told, gap, order, endSessions } = setUp();
    gap();
    expect(told).toEqual([]);
    order('2');
    endSessions();
    await drain.drain();
    const count = told.length;
    gap();
    await vi.waitFor(() => expect(told).toHaveLength(count + 1));
    expect(told.at(-1)).toMatchObject({ draining: true, drained: true });
  });
});
