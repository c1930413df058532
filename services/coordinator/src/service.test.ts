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
    const request = { subscriber: '1:imap', services: ['imap'], interest: {} };
    const stream = client.subscribe(request, { signal: abort.signal });
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

  it('takes an interest with the subscription and with each call after it; without one, everything comes', async () => {
    const { service, client } = await create(new TestBus());
    await service.start();
    const abort = new AbortController();
    const follow = (subscriber: string, interest?: { streams: number[] }) => {
      const request = interest === undefined ? { subscriber } : { subscriber, interest };
      return client.subscribe(request, { signal: abort.signal })[Symbol.asyncIterator]();
    };
    const [some, all] = [follow('some', { streams: [3, 65] }), follow('all')];
    const gapOf = async (items: typeof some) => {
      const { value } = await items.next();
      return value?.item?.$case === 'gap' ? value.item.value.streams : value?.item?.$case;
    };
    expect(await gapOf(some)).toBe('ready');
    expect(await gapOf(some)).toEqual([3]);
    expect(await gapOf(all)).toBe('ready');
    // Its own `ready` stands for the one that came already.
    expect(await gapOf(all)).toHaveLength(63);
    await client.publish({ subscriber: 'some', interest: { streams: [3, 4] } });
    expect(await gapOf(some)).toEqual([4]);
    await client.publish({ subscriber: 'some', sessions: 1 });
    await client.publish({ subscriber: 'some', interest: { all: true } });
    expect(await gapOf(some)).toHaveLength(62);
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
    expect(issues({ 'topic-suffix': 'm07' })).toEqual(['topic-suffix']);
    expect(issues({ 'topic-suffix': 'm7' })).toBeUndefined();
    expect(issues({ unknown: 1 })).toEqual(['']);
  });
});
