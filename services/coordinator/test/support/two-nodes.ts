import { stateName } from '../../src/membership.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { TestBus } from './test-bus.ts';
import { listen, testNode } from './test-node.ts';

/** Two nodes that have heard of each other, and a listener at each. */
export async function twoNodes() {
  const bus = new TestBus();
  const clock = new FakeClock();
  const a = testNode(bus, clock, 'a');
  const b = testNode(bus, clock, 'b');
  await a.hub.start();
  await b.hub.start();
  const pump = async () => {
    bus.pump();
    await settle();
  };
  // Each has heard of the other.
  await clock.advance(500);
  await pump();
  const atA = listen(a.hub);
  const atB = listen(b.hub);
  await pump();
  const stateAtB = () => stateName(b.hub.members.find(({ nodeId }) => nodeId === 'a')?.state);
  /** Time passes while the bus brings everything. */
  const live = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 100) {
      await clock.advance(100);
      bus.pump();
    }
    await settle();
  };
  return { bus, clock, a, b, atA, atB, pump, live, stateAtB };
}
