import { StoaError } from '@stoa/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { FakeClock, settle } from '../test/support/fake-clock.ts';
import { FakeMaintenance } from '../test/support/fake-maintenance.ts';
import { FakeEvents, testNode } from '../test/support/test-node.ts';

const never = new AbortController().signal;

async function world(config: object = {}) {
  const clock = new FakeClock();
  const maintenance = new FakeMaintenance(clock);
  const events = new FakeEvents();
  const node = (id: string) => testNode(clock, maintenance, id, { config, events });
  const a = node('a');
  const b = node('b');
  for (const runner of a.runners) runner.start();
  await settle();
  for (const runner of b.runners) runner.start();
  await settle();
  return { clock, maintenance, events, node, a, b };
}

/** Settles a promise into something that can be looked at. */
function watch(promise: Promise<unknown>) {
  const seen: { value?: unknown; error?: unknown } = {};
  promise.then(
    (value) => {
      seen.value = value;
    },
    (error: unknown) => {
      seen.error = error;
    },
  );
  return seen;
}

describe('a request to run a role', () => {
  it('is done here by the owner, and by the owner elsewhere for others', async () => {
    const { a, b, maintenance, events } = await world();
    expect(await a.requests.run('purge.accounts', never)).toBe('1 accounts examined, 1 keys removed');
    expect(events.published).toEqual([]);
    expect(await b.requests.run('purge.accounts', never)).toBe('1 accounts examined, 1 keys removed');
    expect(maintenance.effects.map(({ owner }) => owner)).toEqual(['a:1', 'a:1']);
  });

  it('reaches every shard, wherever its owner is', async () => {
    const { a, maintenance } = await world({ purge: { accounts: ['a', 'b', 'b'] } });
    expect((await a.requests.run('purge.accounts', never)).split('; ')).toHaveLength(3);
    expect(maintenance.effects.map(({ owner }) => owner).sort()).toEqual(['a:1', 'b:1', 'b:1']);
  });

  it('takes the role when it is free', async () => {
    const { clock, maintenance, events, node } = await world();
    const config = { purge: { accounts: ['c'] } };
    const c = testNode(clock, new FakeMaintenance(clock), 'c', { config, events });
    expect(await c.requests.run('purge.accounts', never)).toContain('examined');
    expect(maintenance.effects).toEqual([]);
    expect(node('d').runner.status.owner).toBe(false);
  });

  it('waits for long work while its owner says that it lives, and fails when nobody answers', async () => {
    const { clock, a, b, maintenance } = await world();
    let open: () => void = () => {};
    maintenance.gate = () =>
      new Promise((resolve) => {
        open = resolve;
      });
    const long = watch(b.requests.run('purge.accounts', never));
    await clock.advance(120_000);
    expect(long).toEqual({});
    open();
    await settle();
    expect(long.value).toContain('examined');
    const lost = watch(b.requests.run('purge.accounts', never));
    await settle();
    a.process.pause();
    await clock.advance(13_000);
    expect(lost.error).toMatchObject({ code: 'unavailable', message: expect.stringContaining('shard 0') });
  });

  it('brings the error of the owner', async () => {
    const { b, maintenance } = await world();
    maintenance.workFailure = new StoaError('storage-full', 'no room');
    await expect(b.requests.run('purge.accounts', never)).rejects.toMatchObject({ code: 'storage-full' });
  });

  it('is given up with its caller', async () => {
    const { b, clock, maintenance } = await world();
    maintenance.gate = () => new Promise(() => {});
    const abort = new AbortController();
    const asked = watch(b.requests.run('purge.accounts', abort.signal));
    await clock.advance(1_000);
    abort.abort(new StoaError('cancelled', 'gone'));
    await settle();
    expect(asked.error).toMatchObject({ code: 'cancelled' });
  });

  it('for a role that does not exist names those that do', async () => {
    const { a } = await world();
    await expect(a.requests.run('purge', never)).rejects.toMatchObject({
      code: 'not-found',
      message: 'there is no role "purge"; there are purge.stores, purge.accounts, fts-indexing',
    });
  });

  it('heeds no strange answers', async () => {
    const { b } = await world();
    const ran = { requestId: 'x', shard: 9, running: false, result: '', errorCode: 'nonsense', errorMessage: '' };
    b.requests.heard({ $case: 'roleRan', value: ran });
    expect(await b.requests.run('purge.accounts', never)).toContain('examined');
  });
});
