import { type Client, coordinator, createInProcessClient, type Implementation } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordingLogger } from '../../test/recording-logger.ts';
import { CoordinatorEventClient } from './event-client.ts';

type Definition = typeof coordinator.CoordinatorServiceDefinition;
type Item = coordinator.SubscribeResponse['item'];

/** A coordinator that a test plays by hand. */
class FakeCoordinator {
  readonly published: coordinator.PublishRequest[] = [];
  readonly subscribed: coordinator.SubscribeRequest[] = [];
  /** What calls of `publish` fail with. */
  failure: StoaError | undefined;
  #feed: ((item: Item | Error) => void) | undefined;
  #opened = Promise.withResolvers<void>();
  hold: Promise<void> | undefined;

  get client(): Client<Definition> {
    const fake = this;
    const implementation: Implementation<Definition> = {
      async publish(request) {
        await fake.hold;
        if (fake.failure !== undefined) throw fake.failure;
        fake.published.push(request);
        return {};
      },
      async *subscribe(request, { signal }) {
        fake.subscribed.push(request);
        const items: (Item | Error)[] = [{ $case: 'ready', value: {} }];
        let wake = () => {};
        fake.#feed = (item) => {
          items.push(item);
          wake();
        };
        signal.addEventListener('abort', () => wake());
        fake.#opened.resolve();
        while (!signal.aborted) {
          const item = items.shift();
          if (item instanceof Error) throw item;
          if (item !== undefined) yield { item };
          else {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
        }
      },
      listMembers: async () => ({}),
    };
    return createInProcessClient(coordinator.CoordinatorServiceDefinition, implementation);
  }

  async opened(): Promise<void> {
    await this.#opened.promise;
    this.#opened = Promise.withResolvers();
  }

  say(item: Item | Error): void {
    this.#feed?.(item);
  }
}

const event = (accountId: string) => ({ $case: 'accountChanged' as const, value: { accountId } });

describe('the event client', () => {
  const heard: string[] = [];
  let wake: () => void = () => {};
  let fake: FakeCoordinator;
  let client: CoordinatorEventClient;
  let sessions = 3;
  const logger = recordingLogger();

  const until = async (count: number) => {
    while (heard.length < count) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  const hear = (line: string) => {
    heard.push(line);
    wake();
  };

  beforeEach(async () => {
    heard.length = 0;
    fake = new FakeCoordinator();
    client = new CoordinatorEventClient({
      client: fake.client,
      subscriber: 'n1:imap',
      services: ['imap'],
      logger,
      sessions: () => sessions,
      wait: () => new Promise((resolve) => setImmediate(resolve)),
      random: () => 0,
    });
    client.subscribe({
      event: ({ kind }, node) => hear(`${node} ${kind?.$case}`),
      gap: (_, node) => hear(`gap ${node ?? 'any'}`),
    });
    client.start();
    await fake.opened();
    await until(1);
  });

  afterEach(() => client.stop());

  it('begins with a gap, since nothing was heard before', () => {
    expect(heard).toEqual(['gap any']);
    expect(client.connected).toBe(true);
  });

  it('hands every event to every listener, one that throws does no harm', async () => {
    client.subscribe({
      event: () => {
        throw new Error('mine');
      },
      gap() {},
    });
    const end = client.subscribe({ event: () => hear('second'), gap() {} });
    const events = [{ traceParent: '', kind: { $case: 'queueReady' as const, value: {} } }];
    fake.say({ $case: 'delivery', value: { nodeId: 'n2', events } } as unknown as Item);
    await until(3);
    expect(heard.slice(1)).toEqual(['n2 queueReady', 'second']);
    end();
    fake.say({ $case: 'delivery', value: { nodeId: 'n2', events } } as unknown as Item);
    fake.say({ $case: 'gap', value: { nodeId: 'n2', reason: 'x', disconnected: false, streams: [] } });
    await until(5);
    expect(heard.slice(3)).toEqual(['n2 queueReady', 'gap n2']);
  });

  it('tells of a gap when the line breaks and when it stands again', async () => {
    fake.say(new StoaError('unavailable', 'broke'));
    await fake.opened();
    await until(3);
    expect(heard).toEqual(['gap any', 'gap any', 'gap any']);
    expect(client.connected).toBe(true);
  });

  it('is not connected while the bus behind the coordinator is away', async () => {
    fake.say({ $case: 'gap', value: { nodeId: '', reason: 'bus', disconnected: true, streams: [] } });
    await until(2);
    expect(client.connected).toBe(false);
    fake.say({ $case: 'gap', value: { nodeId: '', reason: 'bus', disconnected: false, streams: [] } });
    await until(3);
    expect(client.connected).toBe(true);
  });

  it('tells whose mailbox events the process needs, with the subscription and with each call', async () => {
    const none = { all: false, streams: [] };
    expect(fake.subscribed).toMatchObject([{ subscriber: 'n1:imap', services: ['imap'], interest: none }]);
    await client.flush();
    fake.published.length = 0;
    client.follow(new Set([9, 3]), 'imap');
    await client.flush();
    client.follow(new Set([3]), 'other');
    await client.flush();
    expect(fake.published).toMatchObject([{ events: [], interest: { all: false, streams: [3, 9] } }]);
    client.follow('all', 'roles');
    client.follow(new Set(), 'imap');
    await client.flush();
    expect(fake.published.at(-1)).toMatchObject({ interest: { all: true, streams: [] } });
    client.follow(new Set(), 'roles');
    fake.say(new StoaError('unavailable', 'broke'));
    await fake.opened();
    expect(fake.subscribed.at(-1)).toMatchObject({ interest: { all: false, streams: [3] } });
  });

  it('tells of a gap of some streams those who want to know', async () => {
    client.subscribe({
      event() {},
      gap: () => hear('gap of all'),
      mailboxGap: (streams) => hear(`gap of ${[...streams].join()}`),
    });
    fake.say({ $case: 'gap', value: { nodeId: '', reason: 'begun', disconnected: false, streams: [3, 9] } });
    fake.say({ $case: 'gap', value: { nodeId: 'n2', reason: 'x', disconnected: false, streams: [] } });
    await until(4);
    expect(heard.slice(1)).toEqual(['gap of 3,9', 'gap n2', 'gap of all']);
    expect(client.connected).toBe(true);
  });

  it('sends what is published in one tick together, in order, one call at a time', async () => {
    await client.flush();
    fake.published.length = 0;
    for (let i = 0; i < 1200; i++) client.publish(event(`a${i}`) as never);
    await client.flush();
    expect(fake.published.map(({ events }) => events.length)).toEqual([500, 500, 200]);
    const ids = fake.published.flatMap(({ events }) =>
      events.map(({ kind }) => (kind?.$case === 'accountChanged' ? kind.value.accountId : '')),
    );
    expect(ids).toEqual(Array.from({ length: 1200 }, (_, i) => `a${i}`));
  });

  it('holds so many events and no more while the coordinator does not take them', async () => {
    await client.flush();
    fake.published.length = 0;
    const gate = Promise.withResolvers<void>();
    fake.hold = gate.promise;
    client.publish(event('first') as never);
    await Promise.resolve();
    for (let i = 0; i < 25_000; i++) client.publish(event(`a${i}`) as never);
    gate.resolve();
    await client.flush();
    expect(fake.published.reduce((sum, { events }) => sum + events.length, 0)).toBeLessThanOrEqual(10_001);
    const last = fake.published.at(-1)?.events.at(-1)?.kind;
    expect(last).toMatchObject({ value: { accountId: 'a24999' } });
  });

  it('keeps what a coordinator that is away does not take, says so once, and polls meanwhile', async () => {
    await client.flush();
    fake.published.length = 0;
    fake.failure = new StoaError('unavailable', 'away');
    client.publish(event('a') as never);
    await client.flush();
    client.publish(event('b') as never);
    await client.flush();
    expect(logger.lines.filter(({ message }) => message === 'events wait')).toHaveLength(1);
    expect(client.connected).toBe(false);
    fake.failure = undefined;
    await until(3);
    expect(client.connected).toBe(true);
    const ids = fake.published.flatMap(({ events }) =>
      events.map(({ kind }) => (kind?.$case === 'accountChanged' ? kind.value.accountId : '')),
    );
    expect(ids).toEqual(['a', 'b']);
    expect(fake.published.every(({ lost }) => lost === 0)).toBe(true);
  });

  it('tells the coordinator of what it had to give up', async () => {
    await client.flush();
    fake.published.length = 0;
    fake.failure = new StoaError('invalid-argument', 'not this');
    client.publish(event('a') as never);
    await client.flush();
    expect(logger.lines.at(-1)).toMatchObject({ level: 'warn', fields: { events: 1 } });
    fake.failure = undefined;
    client.publish(event('b') as never);
    await client.flush();
    expect(fake.published).toMatchObject([{ lost: 1, events: [{}] }]);
    client.publish(event('c') as never);
    await client.flush();
    expect(fake.published.at(-1)).toMatchObject({ lost: 0 });
  });

  it('says goodbye when it handed over everything', async () => {
    client.publish(event('last') as never);
    await client.stop();
    expect(fake.published.at(-1)).toMatchObject({ leaving: true, subscriber: 'n1:imap', events: [] });
    expect(fake.published.at(-2)?.events).toHaveLength(1);
  });

  it('tells how many sessions there are, again when it changed', async () => {
    await client.flush();
    expect(fake.published.at(-1)).toMatchObject({ subscriber: 'n1:imap', sessions: 3, events: [] });
    const calls = fake.published.length;
    client.tellSessions();
    await client.flush();
    expect(fake.published).toHaveLength(calls);
    sessions = 4;
    client.tellSessions();
    await client.flush();
    expect(fake.published.at(-1)).toMatchObject({ sessions: 4 });
  });
});
