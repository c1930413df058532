import { coordinator, MAILBOX_STREAMS, mailboxStream } from '@stoa/contracts';
import { type RunningServer, startNats, startRedis, startRedisCluster, until } from '@stoa/test-servers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../src/clock.ts';
import { topicOf } from '../src/streams.ts';
import { childNode } from './support/child-node.ts';
import { type BusPlace, openBus } from './support/real-bus.ts';
import { type RealNode, type RealNodeOptions, realNode } from './support/real-node.ts';
import { domainChanged, listen, mailboxChanged } from './support/test-node.ts';

const PATIENCE_MS = 20_000;
const COMMON = 'stwt.agora';

interface RealBus {
  server: RunningServer;
  place: BusPlace;
}

const BUSES: [name: string, start: () => Promise<RealBus>][] = [
  [
    'NATS',
    async () => {
      const server = await startNats({ args: [] });
      return { server, place: { driver: 'nats', config: { servers: [server.url] } } };
    },
  ],
  [
    'Redis',
    async () => {
      const server = await startRedis({});
      return { server, place: { driver: 'redis', config: { url: server.url } } };
    },
  ],
];

describe.each(BUSES)('coordinators on %s', (_, startBus) => {
  let bus: RealBus;
  const running: RealNode[] = [];
  const children: ReturnType<typeof childNode>[] = [];

  beforeAll(async () => {
    bus = await startBus();
  });
  afterEach(async () => {
    for (const child of children.splice(0)) await child.kill();
    for (const node of running.splice(0)) await node.stop();
  });
  afterAll(() => bus?.server.stop());

  const create = (id: string, options?: RealNodeOptions) => {
    const node = realNode(bus.place, id, options);
    running.push(node);
    return node;
  };
  const start = async (id: string, options?: RealNodeOptions) => {
    const node = create(id, options);
    await node.hub.start();
    await until(`${id} listens`, () => node.heard.items.length > 0, PATIENCE_MS);
    return node;
  };
  const child = (id: string, host: string) => {
    const process = childNode(bus.place, id, host);
    children.push(process);
    return process;
  };
  const meet = (...nodes: [string, RealNode][]) =>
    until(
      'all know all',
      () => nodes.every(([, node]) => nodes.every(([id]) => node.state(id) === 'alive')),
      PATIENCE_MS,
    );

  it('hear each other, and know of a clean leave and of a crash', async () => {
    const [a, b, c] = [await start('a'), await start('b'), await start('c')];
    await meet(['a', a], ['b', b], ['c', c]);
    await a.hub.publish([domainChanged('x')]);
    await b.hub.publish([domainChanged('y')]);
    for (const node of [a, b, c]) {
      await until('both events', () => node.heard.domains().length === 2, PATIENCE_MS);
      expect(node.heard.domains().sort()).toEqual(['x', 'y']);
      expect(node.hub.degraded).toBeUndefined();
    }
    await b.hub.leave();
    await until('b left', () => a.state('b') === 'left' && c.state('b') === 'left', PATIENCE_MS);
    await c.vanish();
    await until('c is dead', () => a.state('c') === 'dead', PATIENCE_MS);
    expect(a.heard.gaps()).toContainEqual(expect.objectContaining({ nodeId: 'c', reason: 'the node died' }));
  });

  it('bring mailbox events to those who need them, and nothing of them to other nodes', async () => {
    const [a, b, c] = [await start('a'), await start('b'), await start('c')];
    await meet(['a', a], ['b', b], ['c', c]);
    const accounts = Array.from({ length: 200 }, (_, i) => `account-${i}`);
    const mine = accounts.filter((id) => mailboxStream(id) === mailboxStream('account-0'));
    const some = listen(b.hub, 'imap', [], new Set());
    const all = listen(c.hub, 'roles', [], 'all');
    try {
      await until('both listen', () => some.items.length > 0 && all.items.length > 0, PATIENCE_MS);
      b.hub.setInterest('imap', new Set([mailboxStream('account-0')]));
      const confirmed = (listener: typeof some) => listener.gaps().flatMap(({ streams = [] }) => streams);
      await until('one stream comes', () => confirmed(some).length === 1, PATIENCE_MS);
      await until('all streams come', () => confirmed(all).length === MAILBOX_STREAMS, PATIENCE_MS);
      const gaps = all.gaps().length;
      await b.hub.publish(accounts.map(mailboxChanged));
      await c.hub.publish([...mine.map(mailboxChanged), domainChanged('x')]);
      await until('all events of b', () => all.accounts().length === accounts.length + mine.length, PATIENCE_MS);
      expect(all.accounts().sort()).toEqual([...accounts, ...mine].sort());
      await until('some events of c', () => some.accounts().length === 2 * mine.length, PATIENCE_MS);
      expect(some.accounts()).toEqual([...mine, ...mine]);
      await until('what all need', () => a.heard.domains().includes('x'), PATIENCE_MS);
      expect(a.heard.accounts()).toEqual([]);
      expect(new Set(a.brought)).toEqual(new Set([COMMON]));
      expect(new Set(b.brought)).toEqual(new Set([COMMON, topicOf(COMMON, mailboxStream('account-0'))]));
      // Nothing was lost, and no heartbeat says so.
      const beats = () => c.brought.filter((topic) => topic === COMMON).length;
      const then = beats();
      await until('two heartbeats of each', () => beats() >= then + 9, PATIENCE_MS);
      expect(all.gaps().length).toBe(gaps);
      b.hub.setInterest('imap', new Set());
      await b.hub.publish([domainChanged('y')]);
      await until('the last event', () => some.domains().includes('y'), PATIENCE_MS);
    } finally {
      await Promise.all([some.stop(), all.stop()]);
    }
  });

  it('refuse a node id that is in use, with the host that has it', async () => {
    const first = await start('a', { host: 'first' });
    const second = create('a', { host: 'second' });
    const message = expect.stringContaining('in use on first');
    await expect(second.hub.start()).rejects.toMatchObject({ code: 'already-exists', message });
    await first.hub.check();
    const [one, other] = [create('b', { host: 'one' }), create('b', { host: 'other' })];
    const outcomes = await Promise.allSettled([one.hub.start(), other.hub.start()]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const [winner, loser] = outcomes[0]?.status === 'fulfilled' ? (['one', 1] as const) : (['other', 0] as const);
    expect((outcomes[loser] as PromiseRejectedResult).reason.message).toContain(`in use on ${winner}`);
    await until('the winner is a member', () => first.host('b') === winner, PATIENCE_MS);
  });

  it('skip and count what is not theirs, and take what they understand of what is newer', async () => {
    const a = await start('a');
    const stranger = await openBus(bus.place, 'stranger');
    const say = (fields: Partial<coordinator.Envelope>) =>
      stranger.publish(
        'stwt.agora',
        coordinator.Envelope.encode({
          ...{
            version: 1,
            clusterId: 'test',
            nodeId: 'z',
            incarnation: 1,
            stream: 0,
            sequence: 1,
            sentAt: Date.now(),
            events: [],
          },
          ...fields,
        }).finish(),
      );
    await stranger.publish('stwt.agora', Buffer.from('not an envelope'));
    await stranger.publish('stwt.agora', new Uint8Array(0));
    await say({ clusterId: 'other', events: [domainChanged('foreign')] });
    const events = [domainChanged('known'), { traceParent: '' } as coordinator.Event];
    await say({ version: 2, sentAt: Date.now() - 3_600_000, events });
    await until('the newer envelope', () => a.heard.domains().includes('known'), PATIENCE_MS);
    expect(a.heard.domains()).toEqual(['known']);
    const reasons = a.logger.lines.flatMap(({ fields }) => (fields as { reason?: string }).reason ?? []);
    expect(reasons).toEqual(
      expect.arrayContaining(['foreign-bytes', 'other-cluster', 'newer-version', 'unknown-event']),
    );
    // Its clock is an hour behind, which is told and does no harm.
    expect(a.state('z')).toBe('alive');
    expect(a.logger.lines.map(({ message }) => message)).toContain('clocks differ');
    await stranger.close();
  });

  it('keep their members though the clock of one is an hour off', async () => {
    const a = await start('a');
    const b = await start('b', { clock: { ...systemClock, now: () => Date.now() + 3_600_000 } });
    await meet(['a', a], ['b', b]);
    await b.hub.publish([domainChanged('x')]);
    await until('the event', () => a.heard.domains().includes('x'), PATIENCE_MS);
    await b.hub.leave();
    await until('b left', () => a.state('b') === 'left', PATIENCE_MS);
  });

  it('know a process that was killed, and hear its successor', async () => {
    const a = await start('a');
    const first = child('b', 'first');
    await until('b is there', () => a.state('b') === 'alive', PATIENCE_MS);
    first.publish('x');
    await until('the event', () => a.heard.domains().includes('x'), PATIENCE_MS);
    await first.kill();
    await until('b is dead', () => a.state('b') === 'dead', PATIENCE_MS);
    const second = child('b', 'second');
    await until('b is back', () => a.state('b') === 'alive' && a.host('b') === 'second', PATIENCE_MS);
    second.publish('y');
    await until('its event', () => a.heard.domains().includes('y'), PATIENCE_MS);
    expect(a.heard.gaps().filter(({ nodeId }) => nodeId === 'b')).not.toEqual([]);
  });

  it('take back a process that stood still, which reads anew', async () => {
    const a = await start('a');
    const paused = child('b', 'paused');
    await until('b is there', () => a.state('b') === 'alive', PATIENCE_MS);
    await until('b listens', () => paused.lines.some(({ started }) => started !== undefined), PATIENCE_MS);
    paused.signal('SIGSTOP');
    await until('b is dead', () => a.state('b') === 'dead', PATIENCE_MS);
    await a.hub.publish([domainChanged('meanwhile')]);
    paused.signal('SIGCONT');
    await until('b is back', () => a.state('b') === 'alive', PATIENCE_MS);
    await until('b knows', () => paused.lines.some(({ gap }) => gap === 'the process stood still'), PATIENCE_MS);
    paused.publish('after');
    await until('its event', () => a.heard.domains().includes('after'), PATIENCE_MS);
  });

  it('give the id of a process that stood still to its successor for good', async () => {
    const a = await start('a');
    const paused = child('b', 'paused');
    await until('b is there', () => a.host('b') === 'paused', PATIENCE_MS);
    paused.signal('SIGSTOP');
    await until('b is dead', () => a.state('b') === 'dead', PATIENCE_MS);
    const successor = await start('b', { host: 'successor' });
    await until('the successor is there', () => a.host('b') === 'successor', PATIENCE_MS);
    paused.signal('SIGCONT');
    await until('the other knows', () => paused.lines.some(({ expelled }) => expelled !== undefined), PATIENCE_MS);
    expect(paused.lines.find(({ expelled }) => expelled)?.expelled).toContain('in use on successor');
    expect(paused.lines).toContainEqual({ gap: 'the process stood still' });
    // What it says still comes, so that nobody misses a change made through it; a member it is not.
    paused.publish('late');
    await until('its event', () => a.heard.domains().includes('late'), PATIENCE_MS);
    await successor.hub.check();
    expect(a.host('b')).toBe('successor');
  });

  it('go on without the bus, and miss nothing when it is back', async () => {
    const [a, b] = [await start('a'), await start('b')];
    await meet(['a', a], ['b', b]);
    await bus.server.kill();
    await until('both know', () => !a.hub.connected && !b.hub.connected, PATIENCE_MS);
    await a.hub.check();
    expect(a.hub.degraded).toBeDefined();
    await expect(a.hub.publish([domainChanged('away')])).rejects.toMatchObject({ retryable: true });
    await until('the own node', () => a.heard.domains().includes('away'), PATIENCE_MS);
    expect(a.heard.gaps().at(-1)).toMatchObject({ disconnected: true });
    const late = create('c');
    await late.hub.start();
    expect(late.hub.degraded).toBeDefined();
    const gapsBefore = b.heard.gaps().length;
    await bus.server.restart();
    await until('all are connected', () => [a, b, late].every(({ hub }) => hub.connected), PATIENCE_MS);
    await until('b reads anew', () => b.heard.gaps().length > gapsBefore, PATIENCE_MS);
    await meet(['a', a], ['b', b], ['c', late]);
    await late.hub.publish([domainChanged('again')]);
    await until('events flow', () => [a, b].every(({ heard }) => heard.domains().includes('again')), PATIENCE_MS);
    for (const { hub } of [a, b, late]) expect(hub.degraded).toBeUndefined();
  });

  it('notice a bus that takes everything and brings nothing', async () => {
    const [a, b] = [await start('a'), await start('b')];
    await meet(['a', a], ['b', b]);
    bus.server.signal('SIGSTOP');
    try {
      await until('both know', () => !a.hub.connected && !b.hub.connected, PATIENCE_MS);
      expect(a.heard.gaps().at(-1)).toMatchObject({ disconnected: true });
      expect(a.state('b')).not.toBe('dead');
    } finally {
      bus.server.signal('SIGCONT');
    }
    await until('both are connected', () => a.hub.connected && b.hub.connected, PATIENCE_MS);
    await a.hub.publish([domainChanged('x')]);
    await until('events flow', () => b.heard.domains().includes('x'), PATIENCE_MS);
  });
});

it('on a Redis Cluster mailbox events of all accounts come over all shards, and none is missed', async () => {
  const cluster = await startRedisCluster();
  const config = { cluster: cluster.nodes.map(({ host, port }) => `${host}:${port}`) };
  const [a, b] = ['a', 'b'].map((id) => realNode({ driver: 'redis', config }, id)) as [RealNode, RealNode];
  const all = listen(b.hub, 'roles', [], 'all');
  try {
    await Promise.all([a.hub.start(), b.hub.start()]);
    const confirmed = () => all.gaps().flatMap(({ streams = [] }) => streams).length;
    await until('all streams come', () => confirmed() === MAILBOX_STREAMS && b.state('a') === 'alive', PATIENCE_MS);
    const gaps = all.gaps().length;
    for (let round = 0; round < 5; round++) {
      await a.hub.publish(Array.from({ length: 200 }, (_, i) => mailboxChanged(`account-${i}`)));
    }
    await until('all events', () => all.accounts().length === 1_000, PATIENCE_MS);
    const beats = () => b.brought.filter((topic) => topic === COMMON).length;
    const then = beats();
    await until('two heartbeats of each', () => beats() >= then + 6, PATIENCE_MS);
    expect(new Set(b.brought).size).toBe(1 + MAILBOX_STREAMS);
    expect(all.gaps().length).toBe(gaps);
  } finally {
    await Promise.all([a.stop(), b.stop(), all.stop()]);
    await cluster.stop();
  }
});

it('a node that insists on the bus does not start without it', async () => {
  const server = await startRedis({});
  await server.stop();
  const node = realNode({ driver: 'redis', config: { url: server.url } }, 'a', { requireBus: true });
  await expect(node.hub.start()).rejects.toMatchObject({ code: 'unavailable' });
  await node.stop();
});
