import { type Bus, hasCode, TOPIC } from '@stoa/plugin-sdk';
import { slotOf } from '@stoa/redis';
import { type RedisServer, startRedis, startRedisCluster, startRedisSentinel, until } from '@stoa/test-servers';
import { afterEach, describe, expect, it } from 'vitest';
import { octets, openBus, publishEventually, Recorder } from './bus.test-support.ts';

const FAST = { heartbeat: '200ms', 'command-timeout': '500ms', 'connect-timeout': '1000ms', 'reconnect-max': '200ms' };

const undo: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function opened(config: object, pace: object = FAST): Promise<Bus> {
  const bus = await openBus({ ...pace, ...config });
  undo.push(() => bus.close());
  return bus;
}

async function single(pace: object = FAST): Promise<{ server: RedisServer; bus: Bus; listener: Recorder }> {
  const server = await startRedis();
  undo.push(() => server.stop());
  const bus = await opened({ url: server.url }, pace);
  const listener = new Recorder();
  await bus.subscribe(TOPIC, listener);
  await bus.publish(TOPIC, octets('before'));
  await listener.untilHeard('before');
  return { server, bus, listener };
}

describe('a single Redis', () => {
  it('killed and started again leads to a gap, then messages flow again', async () => {
    const { server, bus, listener } = await single();
    await server.kill();
    await listener.untilGap();
    await expect(bus.publish(TOPIC, octets('lost'))).rejects.toMatchObject({ code: 'unavailable' });
    await expect(bus.check()).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    expect(listener.stands).toBe(false);
    await server.restart();
    await listener.untilStands();
    await publishEventually(bus, TOPIC, 'after');
    await listener.untilHeard('after');
    await bus.check();
    expect(listener.texts).toEqual(['before', 'after']);
  });

  it('that falls silent without closing connections leads to a gap', async () => {
    const { server, bus, listener } = await single();
    server.signal('SIGSTOP');
    try {
      await listener.untilGap();
      await expect(bus.publish(TOPIC, octets('lost'))).rejects.toMatchObject({ code: 'unavailable' });
      await expect(bus.check()).rejects.toMatchObject({ code: 'unavailable' });
    } finally {
      server.signal('SIGCONT');
    }
    await listener.untilStands();
    await publishEventually(bus, TOPIC, 'after');
    await listener.untilHeard('after');
  });

  it('that drops a subscriber which is too slow leads to a gap', async () => {
    const { server, bus, listener } = await single();
    server.cli('config', 'set', 'client-output-buffer-limit', 'pubsub 1mb 1mb 1');
    // This holds the event loop of the subscriber, as a busy process would, while the server sends it 40 MB.
    const flood = "for i = 1, 200 do redis.call('PUBLISH', KEYS[1], string.rep('x', 200000)) end";
    server.cli('eval', flood, '1', `stoa:${TOPIC}`);
    await listener.untilGap();
    await listener.untilStands();
    await publishEventually(bus, TOPIC, 'after');
    await listener.untilHeard('after');
  });

  it('that becomes a replica is not taken for the master any more', async () => {
    const { server, bus, listener } = await single();
    const other = await startRedis();
    undo.push(() => other.stop());
    server.cli('replicaof', other.host, String(other.port));
    await listener.untilGap();
    await until('publishing is refused', () =>
      bus.publish(TOPIC, octets('lost')).then(
        () => false,
        (error) => hasCode(error, 'unavailable'),
      ),
    );
    server.cli('replicaof', 'no', 'one');
    await listener.untilStands();
    await publishEventually(bus, TOPIC, 'after');
    await listener.untilHeard('after');
  });

  it('that is away when the bus opens is found when it comes', async () => {
    const server = await startRedis();
    undo.push(() => server.stop());
    await server.kill();
    const bus = await opened({ url: server.url });
    const listener = new Recorder();
    await expect(bus.check()).rejects.toMatchObject({ code: 'unavailable' });
    await expect(bus.subscribe(TOPIC, listener)).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    expect(listener.calls).toEqual([]);
    await server.restart();
    await until('the subscription is taken', () =>
      bus.subscribe(TOPIC, listener).then(
        () => true,
        () => false,
      ),
    );
    await publishEventually(bus, TOPIC, 'first');
    await listener.untilHeard('first');
    expect(listener.calls[0]).toBe('connected');
  });

  it('whose connections are cut again and again loses nothing in silence', async () => {
    const { server, bus, listener } = await single({
      'reconnect-wait': '5000ms',
      'reconnect-min': '10ms',
      'reconnect-max': '50ms',
    });
    const taken = new Set<number>();
    let cutting = true;
    let next = 0;
    const publishing = (async () => {
      const sent: Promise<void>[] = [];
      while (cutting) {
        const number = next++;
        const published = bus.publish(TOPIC, octets(String(number))).then(
          () => void taken.add(number),
          () => {},
        );
        sent.push(published);
        await new Promise((resolve) => setImmediate(resolve));
      }
      await Promise.all(sent);
    })();
    for (let cut = 1; cut <= 15; cut += 1) {
      await listener.untilStands();
      const heard = listener.texts.length;
      await until('messages flow', () => listener.texts.length > heard + 20);
      server.cli('client', 'kill', 'type', cut % 3 === 0 ? 'normal' : 'pubsub');
      if (cut % 3 !== 0) await listener.untilGap(listener.gaps + (listener.stands ? 1 : 0));
    }
    cutting = false;
    await publishing;
    await listener.untilStands();
    await publishEventually(bus, TOPIC, String(next));
    await listener.untilHeard(String(next));
    // Between two messages that were heard, one that was taken may be missing only if a gap was told between them.
    const texts = listener.texts.slice(1).map(Number);
    let last = -1;
    let told = false;
    for (const call of listener.calls.slice(listener.calls.indexOf('message') + 1)) {
      if (call === 'gap') told = true;
      if (call !== 'message') continue;
      const number = texts.shift() as number;
      expect(number).toBeGreaterThan(last);
      const missing = Array.from({ length: number - last - 1 }, (_, index) => last + 1 + index);
      if (!told) expect(missing.filter((each) => taken.has(each))).toEqual([]);
      last = number;
      told = false;
    }
    expect(listener.gaps).toBeGreaterThanOrEqual(10);
  });

  it('is subscribed to anew after the last subscription was closed', async () => {
    const { bus, listener } = await single({});
    for (let round = 0; round < 20; round += 1) {
      const again = new Recorder();
      const subscription = await bus.subscribe(`${TOPIC}.other`, again);
      void bus.publish(`${TOPIC}.other`, octets(`round ${round}`));
      await again.untilHeard(`round ${round}`);
      const closing = subscription.close();
      const next = new Recorder();
      const nextSubscription = await bus.subscribe(`${TOPIC}.other`, next);
      await closing;
      await bus.publish(`${TOPIC}.other`, octets('next'));
      await next.untilHeard('next');
      expect(next.texts).toEqual(['next']);
      await nextSubscription.close();
      expect(again.texts).toEqual([`round ${round}`]);
    }
    expect(listener.gaps).toBe(0);
  });
});

describe('Sentinels', () => {
  it('name a new master when the old one is killed: a gap, then messages flow again on all buses', async () => {
    const { sentinels, name, master, stop } = await startRedisSentinel();
    undo.push(stop);
    const config = { sentinels: sentinels.map(({ host, port }) => `${host}:${port}`), master: name };
    const buses = [await opened(config), await opened(config)] as const;
    const listeners = [new Recorder(), new Recorder()] as const;
    await buses[0].subscribe(TOPIC, listeners[0]);
    await buses[1].subscribe(TOPIC, listeners[1]);
    await buses[0].publish(TOPIC, octets('before'));
    for (const listener of listeners) await listener.untilHeard('before');
    await master.kill();
    for (const listener of listeners) await listener.untilGap();
    for (const listener of listeners) await listener.untilStands();
    await publishEventually(buses[0], TOPIC, 'after');
    for (const listener of listeners) await listener.untilHeard('after');
    // The old master comes back as a replica, and nobody follows it. A Sentinel that was held up for two seconds does nothing
    // for thirty (its "tilt"), and looks at what came back only some ten seconds later.
    await master.restart();
    await until('the old master is a replica', () => master.cli('info', 'replication').includes('role:slave'), 90_000);
    await publishEventually(buses[1], TOPIC, 'last');
    for (const listener of listeners) await listener.untilHeard('last');
  }, 150_000);

  it('name a new master on request: the connections to the old one are given up', async () => {
    const { sentinels, name, replica, stop } = await startRedisSentinel();
    undo.push(stop);
    const [first] = sentinels as [{ host: string; port: number }];
    const bus = await opened({ sentinels: sentinels.map(({ host, port }) => `${host}:${port}`), master: name });
    const listener = new Recorder();
    await bus.subscribe(TOPIC, listener);
    // The replica's redis-cli speaks to the Sentinel too.
    replica.cli('-p', String(first.port), 'sentinel', 'failover', name);
    await until('the replica is the master', () => replica.cli('info', 'replication').includes('role:master'));
    await listener.untilGap();
    await listener.untilStands();
    await publishEventually(bus, TOPIC, 'after');
    await listener.untilHeard('after');
  }, 60_000);
});

describe('Sentinels that are gone', () => {
  it('are no reason to leave a master that works', async () => {
    const { sentinels, name, master, stop } = await startRedisSentinel();
    undo.push(stop);
    const bus = await opened({ sentinels: sentinels.map(({ host, port }) => `${host}:${port}`), master: name });
    const listener = new Recorder();
    await bus.subscribe(TOPIC, listener);
    for (const { port } of sentinels) master.cli('-p', String(port), 'shutdown', 'nosave');
    // Each probe asks twice; each look at the number counts as one.
    let looks = 0;
    const asked = () => {
      looks += 1;
      return Number(/^cmdstat_info:calls=(\d+)/m.exec(master.cli('info', 'commandstats'))?.[1]) - looks;
    };
    const before = asked();
    await until('some probes', () => asked() >= before + 12);
    await bus.publish(TOPIC, octets('still there'));
    await listener.untilHeard('still there');
    expect(listener.gaps).toBe(0);
  }, 60_000);
});

/** The master of the topic's slot, as the node says. */
function ownerOf(nodes: readonly RedisServer[], slot: number): RedisServer {
  const [asked] = nodes as [RedisServer];
  const rows = asked
    .cli('cluster', 'nodes')
    .split('\n')
    .map((line) => line.split(' '));
  const row = rows.find((fields) =>
    fields.slice(8).some((range) => {
      const [from = NaN, to = from] = range.split('-').map(Number);
      return from <= slot && slot <= to;
    }),
  );
  const port = Number(/:(\d+)@/.exec(row?.[1] ?? '')?.[1]);
  return nodes.find((node) => node.port === port) as RedisServer;
}

describe('a cluster', () => {
  const slot = slotOf(`stoa:${TOPIC}`);
  const addressesOf = (nodes: readonly RedisServer[]) => nodes.map(({ host, port }) => `${host}:${port}`);

  it('whose master of the topic is killed goes on with its replica, after a gap', async () => {
    const { nodes, stop } = await startRedisCluster({ replicas: 1 });
    undo.push(stop);
    await until('the replicas follow their masters', () =>
      nodes.slice(3).every((node) => node.cli('info', 'replication').includes('master_link_status:up')),
    );
    const buses = [
      await opened({ cluster: addressesOf(nodes) }),
      await opened({ cluster: addressesOf(nodes) }),
    ] as const;
    const listener = new Recorder();
    await buses[0].subscribe(TOPIC, listener);
    await buses[1].publish(TOPIC, octets('before'));
    await listener.untilHeard('before');
    await ownerOf(nodes, slot).kill();
    await listener.untilGap();
    await listener.untilStands();
    await publishEventually(buses[1], TOPIC, 'after');
    await listener.untilHeard('after');
  }, 60_000);

  it('that moves the slot of the topic: a gap, and all that was taken afterwards arrives in order', async () => {
    const { nodes, stop } = await startRedisCluster();
    undo.push(stop);
    const bus = await opened({ cluster: addressesOf(nodes), 'reconnect-wait': '5000ms' });
    const listener = new Recorder();
    await bus.subscribe(TOPIC, listener);
    const source = ownerOf(nodes, slot);
    const target = nodes.find((node) => node !== source) as RedisServer;
    const [sourceId, targetId] = [source, target].map((node) => node.cli('cluster', 'myid')) as [string, string];
    let moved = false;
    const taken: number[] = [];
    const publishing = (async () => {
      for (let number = 0; !moved || number % 50 !== 0; number += 1) {
        void bus.publish(TOPIC, octets(String(number))).then(
          () => taken.push(number),
          () => {},
        );
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    target.cli('cluster', 'setslot', String(slot), 'importing', sourceId);
    source.cli('cluster', 'setslot', String(slot), 'migrating', targetId);
    for (const node of [target, source]) node.cli('cluster', 'setslot', String(slot), 'node', targetId);
    await listener.untilGap();
    await listener.untilStands();
    moved = true;
    await publishing;
    await publishEventually(bus, TOPIC, 'last');
    await listener.untilHeard('last');
    const heard = listener.texts.slice(0, -1).map(Number);
    expect(heard).toEqual([...new Set(heard)].sort((a, b) => a - b));
    expect(taken).toEqual([...taken].sort((a, b) => a - b));
    expect(taken.length).toBeGreaterThan(0);
  }, 60_000);
});
