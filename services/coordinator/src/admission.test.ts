import { describe, expect, it } from 'vitest';
import { FakeClock, settle } from '../test/support/fake-clock.ts';
import { TestBus } from '../test/support/test-bus.ts';
import { domainChanged, listen, type TestNodeOptions, testNode } from '../test/support/test-node.ts';

const WAIT = { joinWaitMs: 1200 };

function world() {
  const bus = new TestBus();
  const clock = new FakeClock();
  const start = (station: string, options: TestNodeOptions = {}) => {
    const node = testNode(bus, clock, 'a', { ...WAIT, station, host: station, ...options });
    let outcome: unknown = 'waiting';
    const started = node.hub.start().then(
      () => (outcome = 'joined'),
      (error: unknown) => (outcome = error),
    );
    return { ...node, started, outcome: () => outcome };
  };
  const live = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 100) {
      await clock.advance(100);
      bus.pump();
      await settle();
    }
  };
  return { bus, clock, start, live };
}

const TAKEN = { code: 'already-exists', message: expect.stringContaining('in use on first') };

describe('a node id', () => {
  it('that is free is taken after the wait, and without one at once', async () => {
    const { start, live } = world();
    const first = start('first');
    await live(1000);
    expect(first.outcome()).toBe('waiting');
    await live(300);
    expect(first.outcome()).toBe('joined');
    const alone = start('alone', { joinWaitMs: 0 });
    await settle();
    expect(alone.outcome()).toBe('joined');
  });

  it('that is in use is refused at once, naming the host; the first node goes on undisturbed', async () => {
    const { bus, clock, start, live } = world();
    const first = start('first');
    const watcher = testNode(bus, clock, 'w');
    await watcher.hub.start();
    await live(2000);
    const atWatcher = listen(watcher.hub);
    const second = start('second');
    await live(200);
    expect(second.outcome()).toMatchObject(TAKEN);
    await first.hub.publish([domainChanged('x')]);
    await live(1000);
    expect(atWatcher.gaps()).toEqual([]);
    expect(atWatcher.domains()).toEqual(['x']);
    expect(watcher.hub.members.find(({ nodeId }) => nodeId === 'a')?.host).toBe('first');
    await first.hub.check();
  });

  it('that is in use is refused also to a node whose clock is behind', async () => {
    const { clock, start, live } = world();
    start('first');
    await live(2000);
    const second = start('second', { incarnation: clock.now() - 86_400_000 });
    await live(300);
    expect(second.outcome()).toMatchObject(TAKEN);
  });

  it.each([0, 5])('that two want at the same time goes to one of them (%i ms apart)', async (apart) => {
    const { clock, start, live } = world();
    const first = start('first', { incarnation: clock.now() });
    const second = start('second', { incarnation: clock.now() + apart });
    await live(2000);
    expect(first.outcome()).toBe('joined');
    expect(second.outcome()).toMatchObject(TAKEN);
  });

  it('is refused though questions get lost', async () => {
    const { bus, start, live } = world();
    start('first');
    await live(2000);
    const second = start('second');
    await settle();
    bus.take('first');
    await live(800);
    expect(second.outcome()).toMatchObject(TAKEN);
  });

  it('of a node that was killed is free for its successor, whatever late words come', async () => {
    const { bus, start, live } = world();
    start('first');
    await live(2000);
    const late = bus.take('second');
    bus.kill('first');
    const second = start('second');
    for (const payload of late) bus.inject(payload);
    await live(1300);
    expect(second.outcome()).toBe('joined');
  });

  it('that two took while they were cut off stays with the earlier one; the other is not ready any more', async () => {
    const { bus, start, live } = world();
    const first = start('first');
    await live(1300);
    bus.cut('second');
    const second = start('second');
    await live(300);
    expect(second.outcome()).toBe('joined');
    bus.mend('second');
    await live(3000);
    await first.hub.check();
    await expect(second.hub.check()).rejects.toMatchObject(TAKEN);
    expect(second.logger.lines.filter(({ level }) => level === 'error').length).toBeLessThanOrEqual(2);
  });

  it('is given up by a stop during the wait', async () => {
    const { clock, start } = world();
    const first = start('first');
    await clock.advance(100);
    await first.hub.stop();
    await first.started;
    expect(clock.pending).toBe(0);
  });
});
