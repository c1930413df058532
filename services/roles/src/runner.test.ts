import { StoaError } from '@stoa/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { FakeClock, settle } from '../test/support/fake-clock.ts';
import { FakeMaintenance } from '../test/support/fake-maintenance.ts';
import { testNode } from '../test/support/test-node.ts';

const INTERVAL = 600_000;

function world() {
  const clock = new FakeClock();
  return { clock, maintenance: new FakeMaintenance(clock) };
}

/** A gate that holds work until it is opened. */
function gate() {
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, wait: () => opened };
}

describe('a role', () => {
  it('runs on its schedule, on one of the nodes that share it', async () => {
    const { clock, maintenance } = world();
    const a = testNode(clock, maintenance, 'a');
    const b = testNode(clock, maintenance, 'b');
    a.runner.start();
    await settle();
    b.runner.start();
    await clock.advance(30_000);
    expect(maintenance.effects).toEqual([
      { kind: 'purge', owner: 'a:1', lease: 'role/purge.accounts/0', token: 1, accountIds: [], partition: undefined },
    ]);
    expect(a.runner.status).toMatchObject({
      owner: true,
      nextRunAt: clock.now() + INTERVAL,
      lastError: '',
      lastResult: '1 accounts examined, 1 keys removed',
    });
    expect(b.runner.status).toMatchObject({ owner: false, nextRunAt: 0, lastRunAt: 0 });
    await clock.advance(3 * INTERVAL);
    expect(maintenance.effects).toHaveLength(4);
    expect(new Set(maintenance.effects.map(({ owner }) => owner))).toEqual(new Set(['a:1']));
  });

  it('moves to the partner when its node is gone', async () => {
    const { clock, maintenance } = world();
    const a = testNode(clock, maintenance, 'a');
    const b = testNode(clock, maintenance, 'b');
    a.runner.start();
    await settle();
    b.runner.start();
    await clock.advance(40_000);
    a.process.pause();
    await clock.advance(8_000);
    expect(b.runner.status.owner).toBe(true);
    await clock.advance(40_000);
    expect(maintenance.effects.map(({ owner, token }) => [owner, token])).toEqual([
      ['a:1', 1],
      ['b:1', 2],
    ]);
  });

  it('has no effect by a node that slept through its lease', async () => {
    const { clock, maintenance } = world();
    const a = testNode(clock, maintenance, 'a');
    const b = testNode(clock, maintenance, 'b');
    const held = gate();
    maintenance.steps = 2;
    maintenance.gate = (step) => (step === 2 && maintenance.effects.length === 1 ? held.wait() : Promise.resolve());
    a.runner.start();
    await settle();
    b.runner.start();
    await clock.advance(40_000);
    expect(maintenance.effects.map(({ owner }) => owner)).toEqual(['a:1']);
    a.process.pause();
    await clock.advance(60_000);
    expect(maintenance.effects.map(({ owner }) => owner)).toEqual(['a:1', 'b:1', 'b:1']);
    // Its next step was on its way while it slept, and arrives now.
    held.open();
    await settle();
    expect(maintenance.refused).toBe(1);
    await a.process.resume();
    await clock.advance(10_000);
    expect(maintenance.effects.map(({ owner }) => owner)).toEqual(['a:1', 'b:1', 'b:1']);
    expect(a.runner.status).toMatchObject({ owner: false, lastError: expect.stringContaining('conflict') });
  });

  it('stops its run when the lease cannot be renewed', async () => {
    const { clock, maintenance } = world();
    const { runner } = testNode(clock, maintenance, 'a');
    let aborted = false;
    maintenance.gate = (_, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          aborted = true;
          reject(signal.reason);
        });
      });
    runner.start();
    await clock.advance(40_000);
    maintenance.failure = new StoaError('unavailable', 'the store is away');
    await clock.advance(6_000);
    expect(aborted).toBe(true);
    expect(runner.status).toMatchObject({
      owner: false,
      lastError: 'unavailable: the store is away',
    });
  });

  it('runs again after a failure, ever later, and keeps the error until it succeeds', async () => {
    const { clock, maintenance } = world();
    const { runner } = testNode(clock, maintenance, 'a');
    const begun: number[] = [];
    maintenance.gate = async () => void begun.push(clock.now());
    maintenance.workFailure = new StoaError('storage-full', 'no room');
    runner.start();
    await clock.advance(30_000 + 1_000 + 2_000 + 4_000);
    expect(begun.map((at, i) => at - (begun[i - 1] ?? at))).toEqual([0, 1_000, 2_000, 4_000]);
    expect(runner.status).toMatchObject({ owner: true, lastError: 'storage-full: no room' });
    maintenance.workFailure = undefined;
    await clock.advance(8_000);
    expect(runner.status).toMatchObject({ lastError: '', nextRunAt: clock.now() + INTERVAL });
  });

  it('gives up a run that makes no progress', async () => {
    const { clock, maintenance } = world();
    const { runner } = testNode(clock, maintenance, 'a');
    maintenance.gate = () => new Promise(() => {});
    runner.start();
    await clock.advance(30_000 + 10 * 60_000);
    expect(runner.status.lastError).toBe('deadline-exceeded: no progress for 10 minutes');
    expect(runner.status.owner).toBe(true);
  });

  it('stops quickly in the middle of a run, and its partner goes on', async () => {
    const { clock, maintenance } = world();
    const a = testNode(clock, maintenance, 'a');
    const b = testNode(clock, maintenance, 'b');
    maintenance.gate = () => new Promise(() => {});
    a.runner.start();
    await settle();
    b.runner.start();
    await clock.advance(40_000);
    await a.runner.stop();
    await a.runner.stop();
    expect(maintenance.effects).toEqual([]);
    await clock.advance(1_500);
    expect(b.runner.status.owner).toBe(true);
    await b.runner.stop();
    expect(clock.pending).toBe(0);
    await expect(b.runner.run()).rejects.toMatchObject({ code: 'conflict' });
  });

  it('has a part of the work in each of several shards', async () => {
    const { clock, maintenance } = world();
    const config = { purge: { accounts: ['a', 'b', 'a,b'] } };
    const a = testNode(clock, maintenance, 'a', { config });
    const b = testNode(clock, maintenance, 'b', { config });
    for (const runner of [...a.runners, ...b.runners]) runner.start();
    await clock.advance(40_000);
    expect(
      maintenance.effects
        .map(({ partition, lease, owner }) => [partition?.index, partition?.count, lease, owner])
        .sort(),
    ).toEqual([
      [0, 3, 'role/purge.accounts/0', 'a:1'],
      [1, 3, 'role/purge.accounts/1', 'b:1'],
      [2, 3, 'role/purge.accounts/2', 'a:1'],
    ]);
  });
});

describe('full-text indexing', () => {
  const role = 'fts-indexing';

  async function indexing() {
    const { clock, maintenance } = world();
    const a = testNode(clock, maintenance, 'a', { role });
    const b = testNode(clock, maintenance, 'b', { role });
    a.runner.start();
    await settle();
    b.runner.start();
    await clock.advance(1_000);
    const wish = (id: string) => {
      for (const { runner } of [a, b]) runner.wish(id);
    };
    const accounts = () => maintenance.done('index').map(({ accountIds }) => accountIds);
    return { clock, maintenance, a, b, wish, accounts };
  }

  it('follows changes at once, together, on the node that has the role', async () => {
    const { clock, wish, accounts, maintenance } = await indexing();
    expect(accounts(), 'all of it when the role is gained').toEqual([[]]);
    for (const id of ['x', 'y', 'x']) wish(id);
    await clock.advance(499);
    expect(accounts()).toHaveLength(1);
    await clock.advance(1);
    expect(accounts().slice(1)).toEqual([['x', 'y']]);
    expect(maintenance.done('index').every(({ owner }) => owner === 'a:1')).toBe(true);
  });

  it('gathers what comes during a run for the next', async () => {
    const { clock, wish, accounts, maintenance } = await indexing();
    const held = gate();
    maintenance.gate = held.wait;
    wish('x');
    await clock.advance(600);
    wish('y');
    wish('z');
    await clock.advance(5_000);
    expect(accounts()).toHaveLength(1);
    held.open();
    await clock.advance(600);
    expect(accounts().slice(1)).toEqual([['x'], ['y', 'z']]);
  });

  it('still looks at everything on its schedule under constant change', async () => {
    const { clock, wish, accounts } = await indexing();
    for (let i = 0; i < 400; i++) {
      wish('x');
      await clock.advance(1_000);
    }
    expect(accounts().filter((ids) => ids.length === 0)).toHaveLength(2);
  });

  it('looks at everything after a failure, and after missed events, but not in a row', async () => {
    const { clock, a, wish, accounts, maintenance } = await indexing();
    maintenance.workFailure = new StoaError('unavailable', 'away');
    wish('x');
    await clock.advance(600);
    maintenance.workFailure = undefined;
    await clock.advance(1_000);
    expect(accounts()).toEqual([[], []]);
    for (let i = 0; i < 30; i++) {
      a.runner.sweep();
      await clock.advance(1_000);
    }
    expect(accounts()).toEqual([[], [], []]);
  });

  it('passes to another node with nothing left out', async () => {
    const { clock, a, b, wish, accounts, maintenance } = await indexing();
    wish('x');
    a.process.pause();
    await clock.advance(8_000);
    expect(b.runner.status.owner).toBe(true);
    expect(accounts()).toEqual([[], []]);
    expect(maintenance.done('index').at(-1)?.owner).toBe('b:1');
  });
});
