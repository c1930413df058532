import { coordinator } from '@stoa/contracts';
import { MAX_BUS_PAYLOAD_BYTES, StoaError } from '@stoa/plugin-sdk';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock, PausableClock, settle } from '../test/support/fake-clock.ts';
import { TestBus } from '../test/support/test-bus.ts';
import { domainChanged, listen, testNode } from '../test/support/test-node.ts';
import { twoNodes } from '../test/support/two-nodes.ts';
import { readEnvelope } from './envelope-reader.ts';
import { stateName } from './membership.ts';

describe('publishing', () => {
  it('reaches every node once, the own one at once', async () => {
    const { a, atA, atB, pump } = await twoNodes();
    await a.hub.publish([domainChanged('x'), domainChanged('y')]);
    await settle();
    expect(atA.domains()).toEqual(['x', 'y']);
    expect(atB.domains()).toEqual([]);
    await pump();
    expect(atA.domains()).toEqual(['x', 'y']);
    expect(atB.domains()).toEqual(['x', 'y']);
    expect(atB.gaps()).toEqual([]);
    expect(atB.items[0]).toEqual({ $case: 'ready', value: {} });
  });

  it('reaches the own node while the bus is away, and the others learn of the loss when it is back', async () => {
    const { bus, a, atA, atB, pump, live } = await twoNodes();
    bus.cut('a');
    await expect(a.hub.publish([domainChanged('x')])).rejects.toMatchObject({ code: 'unavailable' });
    await settle();
    expect(atA.domains()).toEqual(['x']);
    expect(atA.gaps()).toMatchObject([{ nodeId: '', disconnected: true }]);
    // It works, so it is ready, and says what is missing.
    await a.hub.check();
    expect(a.hub.degraded).toBe('the bus is not connected');
    bus.mend('a');
    await pump();
    await live(600);
    expect(atA.domains()).toEqual(['x']);
    expect(atA.gaps().at(-1)).toMatchObject({ nodeId: '', disconnected: false });
    expect(atB.domains()).toEqual([]);
    expect(atB.gaps()).toMatchObject([{ nodeId: 'a', reason: '1 envelopes are missing' }]);
    expect(a.hub.degraded).toBeUndefined();
  });

  it('splits what does not fit into one message, and refuses what fits into none without losing the rest', async () => {
    const { a, atB, pump, live } = await twoNodes();
    const large = Array.from({ length: 5 }, (_, i) => domainChanged(`${i}${'x'.repeat(100_000)}`));
    await a.hub.publish(large);
    await pump();
    expect(atB.domains().map((domain) => domain?.[0])).toEqual(['0', '1', '2', '3', '4']);
    const monster = domainChanged('x'.repeat(MAX_BUS_PAYLOAD_BYTES));
    await expect(a.hub.publish([monster, domainChanged('small')])).rejects.toMatchObject({ code: 'too-large' });
    await live(600);
    expect(atB.domains().at(-1)).toBe('small');
    expect(atB.gaps()).toMatchObject([{ nodeId: 'a' }]);
  });

  it('is not for heartbeats', async () => {
    const { a } = await twoNodes();
    const kind = { $case: 'heartbeat' as const, value: coordinator.Heartbeat.fromPartial({ leaving: true }) };
    await expect(a.hub.publish([{ traceParent: '', kind }])).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});

describe('losses', () => {
  it('of the last envelope show with the next heartbeat', async () => {
    const { bus, a, b, atB, live } = await twoNodes();
    await a.hub.publish([domainChanged('lost')]);
    bus.take('b');
    await live(600);
    expect(atB.domains()).toEqual([]);
    expect(atB.gaps()).toMatchObject([{ nodeId: 'a' }]);
    await b.hub.stop();
  });

  it('of the last words of a node that died show with its death', async () => {
    const { bus, a, atB, live, stateAtB } = await twoNodes();
    await a.hub.publish([domainChanged('lost')]);
    bus.take('b');
    bus.kill('a');
    await live(3000);
    expect(stateAtB()).toBe('dead');
    expect(atB.gaps()).toMatchObject([{ nodeId: 'a', reason: 'the node died', disconnected: false, streams: [] }]);
  });

  it('of a message that comes twice there are none', async () => {
    const { bus, a, atB } = await twoNodes();
    await a.hub.publish([domainChanged('x')]);
    bus.pump(() => 'twice');
    await settle();
    expect(atB.domains()).toEqual(['x']);
    expect(atB.gaps()).toEqual([]);
  });

  it('are told to a subscriber that comes while the bus is away', async () => {
    const { bus, a } = await twoNodes();
    bus.cut('a');
    const late = listen(a.hub);
    await settle();
    expect(late.items).toMatchObject([{ $case: 'ready' }, { $case: 'gap', value: { disconnected: true } }]);
  });

  it('come to a slow subscriber alone', async () => {
    const { a, b, atB, pump } = await twoNodes();
    const slow = b.hub.subscribe('slow', [], new AbortController().signal, new Set());
    expect((await slow.next()).value).toMatchObject({ item: { $case: 'ready' } });
    for (let i = 0; i < 5_000; i++) {
      await a.hub.publish([domainChanged(String(i))]);
      if (i % 500 === 0) await pump();
    }
    await pump();
    expect(atB.domains()).toHaveLength(5_000);
    expect(atB.gaps()).toEqual([]);
    expect((await slow.next()).value).toMatchObject({ item: { $case: 'gap', value: { nodeId: '' } } });
    await slow.return(undefined);
  });
});

describe('membership', () => {
  it('knows a crash within three seconds, a clean leave at once, and who returned', async () => {
    const { bus, clock, a, live, pump, stateAtB } = await twoNodes();
    await live(10_000);
    expect(stateAtB()).toBe('alive');
    bus.kill('a');
    await live(1600);
    expect(stateAtB()).toBe('suspect');
    await live(1400);
    expect(stateAtB()).toBe('dead');
    await a.hub.stop();
    const again = testNode(bus, clock, 'a', { station: 'a2' });
    await again.hub.start();
    await pump();
    expect(stateAtB()).toBe('alive');
    await again.hub.leave();
    await pump();
    expect(stateAtB()).toBe('left');
    await live(5_000);
    expect(stateAtB()).toBe('left');
  });

  it('brings what is published between the leave and the stop', async () => {
    const { bus, a, atB, pump, stateAtB } = await twoNodes();
    await a.hub.leave();
    await pump();
    await a.hub.publish([domainChanged('late')]);
    await a.hub.publish([domainChanged('lost')]);
    const [first] = bus.take('b');
    bus.inject(first as Uint8Array);
    await a.hub.stop();
    await pump();
    expect(atB.domains()).toEqual(['late']);
    expect(atB.gaps()).toMatchObject([{ nodeId: 'a' }]);
    expect(stateAtB()).toBe('left');
  });

  it('names services and sessions of the processes that listen', async () => {
    const { a, b, live } = await twoNodes();
    const remote = listen(a.hub, 'a:imap', ['imap']);
    const other = listen(a.hub, 'a:smtp', ['smtp']);
    await settle();
    a.hub.setSessions('a:imap', 7);
    a.hub.setSessions('a:smtp', 2);
    a.hub.setSessions('stranger', 100);
    await live(600);
    const memberAtB = () => b.hub.members.find(({ nodeId }) => nodeId === 'a');
    expect(memberAtB()).toMatchObject({ services: ['coordinator', 'imap', 'smtp'], sessions: 9, host: 'host-a' });
    await remote.stop();
    await live(600);
    expect(memberAtB()).toMatchObject({ services: ['coordinator', 'smtp'], sessions: 2 });
    await other.stop();
  });

  it('has the own node without the bus', async () => {
    const bus = new TestBus();
    bus.cut('a');
    const { hub } = testNode(bus, new FakeClock(), 'a');
    await hub.start();
    expect(hub.members).toMatchObject([{ nodeId: 'a', state: coordinator.Member_State.STATE_ALIVE }]);
  });
});

describe('start', () => {
  it('works while the bus is away, and tells subscribers when it is there', async () => {
    const bus = new TestBus();
    const clock = new FakeClock();
    bus.cut('a');
    const a = testNode(bus, clock, 'a', { joinWaitMs: 1200 });
    await a.hub.start();
    const atA = listen(a.hub);
    await settle();
    expect(atA.gaps()).toMatchObject([{ disconnected: true }]);
    bus.mend('a');
    await clock.advance(1000);
    await settle();
    expect(atA.gaps().at(-1)).toMatchObject({ nodeId: '', disconnected: false });
    await a.hub.check();
  });

  it('fails with what a retry does not help', async () => {
    const bus = new TestBus();
    bus.refuse('a', new StoaError('invalid-configuration', 'no such exchange'));
    const { hub } = testNode(bus, new FakeClock(), 'a');
    await expect(hub.start()).rejects.toMatchObject({ code: 'invalid-configuration' });
  });

  it('and stop leave no timer behind, in any order and twice', async () => {
    const clock = new FakeClock();
    const bus = new TestBus();
    const a = testNode(bus, clock, 'a');
    await a.hub.stop();
    const b = testNode(bus, clock, 'b');
    await b.hub.start();
    await b.hub.start();
    await b.hub.stop();
    await b.hub.stop();
    await b.hub.leave();
    expect(clock.pending).toBe(0);
    await expect(b.hub.publish([domainChanged('x')])).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('a process of this node', () => {
  it('that is gone without a goodbye may have taken events with it: all who hear the node read anew', async () => {
    const { a, atA, atB, live } = await twoNodes();
    const imap = listen(a.hub, 'a:imap', ['imap']);
    await settle();
    await imap.stop();
    await live(600);
    const gap = { nodeId: 'a' };
    expect(atA.gaps()).toMatchObject([gap]);
    expect(atB.gaps()).toMatchObject([gap]);
  });

  it('that says goodbye leaves no gap', async () => {
    const { a, atA, atB, live } = await twoNodes();
    const imap = listen(a.hub, 'a:imap', ['imap']);
    await settle();
    a.hub.subscriberLeaves('a:imap');
    await imap.stop();
    await live(600);
    expect([...atA.gaps(), ...atB.gaps()]).toEqual([]);
  });

  it('may tell of events that it lost', async () => {
    const { a, atA, atB, live } = await twoNodes();
    a.hub.lost(3, 'a:imap');
    await live(600);
    expect(atA.gaps()).toMatchObject([{ nodeId: 'a', reason: 'events of a:imap were lost' }]);
    expect(atB.gaps()).toMatchObject([{ nodeId: 'a' }]);
  });
});

describe('a process that stood still', () => {
  it('reads anew, declares nobody dead, and is taken back', async () => {
    const { bus, clock, b, atB, live, pump, stateAtB } = await twoNodes();
    await live(1000);
    expect(atB.gaps()).toEqual([]);
    clock.jump(20_000);
    await pump();
    await clock.advance(0);
    await settle();
    bus.take('b');
    await live(600);
    expect(atB.gaps()).toContainEqual({
      nodeId: '',
      reason: 'the process stood still',
      disconnected: false,
      streams: [],
    });
    expect(stateAtB()).toBe('alive');
    expect(b.logger.lines.map(({ message }) => message)).toContainEqual(expect.stringContaining('stood still'));
  });

  it('speaks in the name of its id only when it is still its own', async () => {
    const bus = new TestBus();
    const clock = new FakeClock();
    const live = async (ms: number) => {
      for (let passed = 0; passed < ms; passed += 100) {
        await clock.advance(100);
        bus.pump((node) => (node === 'first' && own.paused ? 'drop' : 'deliver'));
        await settle();
      }
    };
    const own = new PausableClock(clock);
    const watcher = testNode(bus, clock, 'w');
    await watcher.hub.start();
    const first = testNode(bus, own, 'a', { host: 'first', station: 'first', joinWaitMs: 500 });
    void first.hub.start();
    await live(1500);
    const member = () => watcher.hub.members.find(({ nodeId }) => nodeId === 'a');
    expect(member()).toMatchObject({ host: 'first' });
    own.pause();
    await live(4000);
    expect(stateName(member()?.state)).toBe('dead');
    const second = testNode(bus, clock, 'a', { host: 'second', station: 'second', joinWaitMs: 500 });
    void second.hub.start();
    await live(2000);
    expect(member()).toMatchObject({ host: 'second' });
    own.resume();
    await live(4000);
    await expect(first.hub.check()).rejects.toMatchObject({ code: 'already-exists' });
    await second.hub.check();
    expect(member()).toMatchObject({ host: 'second', state: coordinator.Member_State.STATE_ALIVE });
    expect(first.hub.members.find(({ nodeId }) => nodeId === 'a')).toMatchObject({ host: 'second' });
  });
});

describe('a bus that is connected and brings nothing', () => {
  it('counts as away until it brings something again', async () => {
    const { bus, clock, a, atA, live, stateAtB } = await twoNodes();
    await live(1000);
    for (let passed = 0; passed < 3000; passed += 100) {
      await clock.advance(100);
      bus.pump(() => 'drop');
    }
    await settle();
    expect(a.hub.connected).toBe(false);
    expect(a.hub.degraded).toBe('the bus brings nothing');
    expect(atA.gaps()).toMatchObject([{ disconnected: true, reason: 'the bus brings nothing' }]);
    expect(stateAtB()).toBe('suspect');
    await live(600);
    expect(a.hub.degraded).toBeUndefined();
    expect(stateAtB()).toBe('alive');
    expect(
      atA
        .gaps()
        .filter(({ nodeId }) => nodeId === '')
        .at(-1),
    ).toMatchObject({ disconnected: false });
  });
});

describe('strangers on the bus', () => {
  it('are skipped, counted in the log once in a while, and harm nobody', async () => {
    const { bus, a, atB, b, pump } = await twoNodes();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        bus.inject(bytes);
        bus.pump();
      }),
      { numRuns: 500 },
    );
    const real = bus.take('b');
    expect(real).toEqual([]);
    await a.hub.publish([domainChanged('x')]);
    const [mine] = bus.take('b') as [Uint8Array];
    expect(readEnvelope(mine, 'test')).toMatchObject({ nodeId: 'a' });
    for (let at = 0; at < mine.length; at++) {
      const torn = Uint8Array.from(mine);
      torn[at] = 255;
      bus.inject(torn);
      bus.inject(mine.subarray(0, at));
    }
    await pump();
    const skips = b.logger.lines.filter(({ message }) => message.includes('skipped'));
    expect(skips.length).toBeGreaterThan(0);
    expect(skips.length).toBeLessThan(6);
    await a.hub.publish([domainChanged('y')]);
    await pump();
    expect(atB.domains()).toContain('y');
  });

  it('of another cluster are not heard', async () => {
    const { bus, atB, pump } = await twoNodes();
    const foreign = coordinator.Envelope.encode({
      version: 1,
      clusterId: 'other',
      nodeId: 'z',
      incarnation: 1,
      stream: 0,
      sequence: 1,
      sentAt: 0,
      events: [domainChanged('foreign')],
    }).finish();
    bus.inject(foreign);
    await pump();
    expect(atB.domains()).toEqual([]);
  });
});
