import { afterEach, expect, it, vi } from 'vitest';
import { FakeClock } from './support/fake-clock.ts';
import { TestBus } from './support/test-bus.ts';
import { listen, testNode } from './support/test-node.ts';

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

it('a node drains as soon as one of its processes does, and is drained when all are', async () => {
  const [bus, clock] = [new TestBus(), new FakeClock()];
  const [{ hub: one }, { hub: two }] = [testNode(bus, clock, '1'), testNode(bus, clock, '2')];
  for (const hub of [one, two]) {
    await hub.start();
    ends.push(() => hub.stop());
  }
  const seenByTwo = () => {
    const member = two.members.find(({ nodeId }) => nodeId === '1');
    return [member?.draining, member?.drained];
  };
  const listener = (name: string, services: string[]) => {
    const made = listen(one, name, services);
    ends.push(() => made.stop());
    return made;
  };
  const beat = async (expected: boolean[]) => {
    await clock.advance(500, 3);
    bus.pump();
    await vi.waitFor(() => expect(seenByTwo()).toEqual(expected));
  };
  const imap = listener('1:imap', ['imap']);
  listener('1:smtp', ['smtp']);
  // Watches only: there is nothing to drain.
  listener('a command', []);
  await vi.waitFor(() => expect(imap.items).not.toEqual([]));
  await beat([false, false]);
  one.setDraining('1:imap', false);
  await beat([true, false]);
  one.setDraining('1:imap', true);
  await beat([true, false]);
  one.setDraining('1:smtp', true);
  await beat([true, true]);

  // Another process takes the place of one that was drained.
  await imap.stop();
  const next = listener('1:imap', ['imap']);
  await vi.waitFor(() => expect(next.items).not.toEqual([]));
  await beat([true, false]);
  one.setDraining('nobody', true);
  one.setDraining('1:imap', true);
  await beat([true, true]);
});
