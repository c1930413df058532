import { type Client, coordinator, createInProcessClient } from '@stoa/contracts';
import type { BusCapabilities } from '@stoa/plugin-sdk';
import type { Service, ServiceContext } from '@stoa/service-kit';
import { afterEach, describe, expect, it } from 'vitest';
import { settle } from '../test/support/fake-clock.ts';
import { TestBus } from '../test/support/test-bus.ts';
import { domainChanged, recordingLogger } from '../test/support/test-node.ts';
import { type CoordinatorConfig, coordinatorConfig } from './config.ts';
import { coordinatorModule } from './service.ts';

const running: Service[] = [];

afterEach(async () => {
  for (const service of running.splice(0)) await service.stop();
});

async function create(bus: TestBus, shared: BusCapabilities['shared'] = 'process') {
  const context = {
    config: coordinatorConfig.parse({}),
    node: { id: '1', incarnation: 7, clusterId: 'c', hostname: 'h', version: '1', services: ['coordinator'] },
    logger: recordingLogger(),
    driver: async () => ({ driver: bus.connect('1'), name: 'test', capabilities: { shared } }),
    now: () => 1000,
  } as unknown as ServiceContext<CoordinatorConfig>;
  const service = await coordinatorModule.create(context);
  running.push(service);
  const [binding] = service.contracts;
  const client = createInProcessClient(
    coordinator.CoordinatorServiceDefinition,
    binding?.implementation as never,
  ) as Client<typeof coordinator.CoordinatorServiceDefinition>;
  return { service, client };
}

describe('the coordinator service', () => {
  it('publishes, delivers and lists members through its contract', async () => {
    const bus = new TestBus();
    const { service, client } = await create(bus);
    await service.start();
    await service.check();
    const abort = new AbortController();
    const stream = client.subscribe({ subscriber: '1:imap', services: ['imap'] }, { signal: abort.signal });
    const items = stream[Symbol.asyncIterator]();
    expect(await items.next()).toMatchObject({ value: { item: { $case: 'ready' } } });
    await client.publish({ events: [domainChanged('x')], subscriber: '1:imap', sessions: 4 });
    expect(await items.next()).toMatchObject({ value: { item: { $case: 'delivery', value: { nodeId: '1' } } } });
    expect(await client.listMembers({})).toMatchObject({
      members: [{ nodeId: '1', incarnation: 7, host: 'h', services: ['coordinator'] }],
    });
    await service.drain(new AbortController().signal);
    expect(await client.listMembers({})).toMatchObject({
      members: [{ state: coordinator.Member_State.STATE_LEFT, services: ['coordinator', 'imap'], sessions: 4 }],
    });
    await service.stop();
    expect(await items.next()).toMatchObject({ done: true });
    abort.abort();
  });

  it('starts at once where no other process shares the bus, and else asks first', async () => {
    const alone = await create(new TestBus());
    await alone.service.start();
    const shared = await create(new TestBus(), 'network');
    let outcome = 'waiting';
    const started = shared.service.start().catch((error: { code: string }) => {
      outcome = error.code;
    });
    await settle();
    expect(outcome).toBe('waiting');
    await shared.service.stop();
    await started;
    expect(outcome).toBe('cancelled');
  });
});

describe('its configuration', () => {
  const issues = (config: object) =>
    coordinatorConfig.safeParse(config).error?.issues.map(({ path }) => path.join('.'));

  it('has times that fit together', () => {
    expect(coordinatorConfig.parse({})).toMatchObject({ 'heartbeat-interval': 500, 'dead-after': 2500 });
    expect(issues({ 'suspect-after': '400ms' })).toEqual(['suspect-after']);
    expect(issues({ 'dead-after': '1s' })).toEqual(['dead-after']);
    expect(issues({ 'join-wait': '100ms' })).toEqual(['join-wait']);
    expect(issues({ 'heartbeat-interval': '1ms' })).toEqual(['heartbeat-interval']);
    expect(issues({ 'topic-suffix': 'a b' })).toEqual(['topic-suffix']);
    expect(issues({ unknown: 1 })).toEqual(['']);
  });
});
