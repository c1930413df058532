import { type Client, coordinator } from '@stoa/contracts';
import { describe, expect, it } from 'vitest';
import { type DrainOptions, drainNode } from './drain.ts';

const { STATE_ALIVE, STATE_DEAD, STATE_LEFT } = coordinator.Member_State;

/** A cluster whose node 2 passes through these states, one at each look; the last one stays. */
function cluster(states: Partial<coordinator.Member>[], options: Partial<DrainOptions> & { missed?: boolean } = {}) {
  const orders: string[] = [];
  const seen: number[] = [];
  let looks = 0;
  let clock = 0;
  const client = {
    listMembers: async () => {
      const state = states[Math.min(looks++, states.length - 1)];
      return coordinator.ListMembersResponse.fromPartial({
        members: [
          { nodeId: '1', state: STATE_ALIVE },
          { nodeId: '2', state: STATE_ALIVE, ...state },
        ],
      });
    },
    publish: async ({ events }: coordinator.PublishRequest) => {
      for (const { kind } of events) if (kind?.$case === 'nodeDrainRequested') orders.push(kind.value.nodeId);
      return { missed: options.missed === true };
    },
  } as unknown as Client<typeof coordinator.CoordinatorServiceDefinition>;
  const run = () =>
    drainNode({
      client,
      node: '2',
      wait: true,
      timeoutMs: 60_000,
      signal: new AbortController().signal,
      progress: ({ sessions }) => seen.push(sessions),
      pause: async (ms) => {
        clock += ms;
      },
      now: () => clock,
      ...options,
    });
  return { run, orders, seen };
}

const draining = { draining: true };
const drained = { draining: true, drained: true };

describe('the drain of a node', () => {
  it('ends when all its processes are drained and no session is left', async () => {
    const states = [
      { sessions: 4 },
      { ...draining, sessions: 4 },
      { ...draining },
      { ...drained, sessions: 1 },
      drained,
    ];
    const { run, orders, seen } = cluster(states);
    expect(await run()).toMatchObject({ node: '2', drained: true, sessions: 0 });
    expect(orders).toEqual(['2']);
    expect(seen).toEqual([4, 0, 1, 0]);
  });

  it('gives the order again while the node does not follow', async () => {
    const { run, orders } = cluster([...Array.from({ length: 9 }, () => ({ sessions: 1 })), drained]);
    await run();
    expect(orders.length).toBeGreaterThan(2);
  });

  it('says what is left when the time is over', async () => {
    await expect(cluster([{}, { ...draining, sessions: 2 }]).run()).rejects.toMatchObject({
      code: 'deadline-exceeded',
      message: 'the node 2 is not drained after 60 s: it still has 2 sessions',
    });
    await expect(cluster([{}]).run()).rejects.toThrow('it has not begun');
  });

  it('does not wait where that is not wanted', async () => {
    const { run, orders } = cluster([{ sessions: 5 }], { wait: false });
    expect(await run()).toMatchObject({ sessions: 5 });
    expect(orders).toEqual(['2']);
    await expect(cluster([{}], { wait: false, missed: true }).run()).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('is over when the node stops', async () => {
    const { run } = cluster([{ sessions: 2 }, { ...draining, sessions: 2, state: STATE_LEFT }]);
    expect(await run()).toMatchObject({ state: 'left' });
  });

  it('is for a node that is there', async () => {
    await expect(cluster([], { node: '7' }).run()).rejects.toMatchObject({ code: 'not-found' });
    await expect(cluster([{ state: STATE_DEAD }]).run()).rejects.toMatchObject({ code: 'failed-precondition' });
  });

  it('goes on when nobody waits for it any more', async () => {
    const signal = AbortSignal.abort();
    await expect(cluster([{}], { signal }).run()).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('takes a node with workers for one: all are told by its name, and it ends with the last', async () => {
    const worker = (nodeId: string, rest: object) => ({ nodeId, state: STATE_ALIVE, ...rest });
    const looks = [
      [worker('2-1', { sessions: 3 }), worker('2-2', { sessions: 2 }), worker('2-x', {}), worker('1', { sessions: 9 })],
      [worker('2-1', drained), worker('2-2', { ...draining, sessions: 2 })],
      [worker('2-1', { state: STATE_LEFT }), worker('2-2', { ...drained })],
    ];
    const orders: string[] = [];
    const seen: number[] = [];
    let look = 0;
    const client = {
      listMembers: async () =>
        coordinator.ListMembersResponse.fromPartial({ members: looks[Math.min(look++, looks.length - 1)] ?? [] }),
      publish: async ({ events }: coordinator.PublishRequest) => {
        for (const { kind } of events) if (kind?.$case === 'nodeDrainRequested') orders.push(kind.value.nodeId);
        return { missed: false };
      },
    } as unknown as Client<typeof coordinator.CoordinatorServiceDefinition>;
    const { run } = cluster([], { client, progress: ({ sessions }) => seen.push(sessions) });
    expect(await run()).toMatchObject({ node: '2', drained: true, sessions: 0 });
    expect([orders, seen]).toEqual([['2'], [2, 0]]);
  });
});
