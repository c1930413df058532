import { afterEach, describe, expect, it, vi } from 'vitest';
import { FakeClock } from '../test/support/fake-clock.ts';
import { FakeMaintenance } from '../test/support/fake-maintenance.ts';
import { testService } from '../test/support/test-node.ts';

type Tested = Awaited<ReturnType<typeof testService>>;

let tested: Tested | undefined;

afterEach(() => tested?.service.stop());

async function start(config: object, id?: string) {
  const maintenance = new FakeMaintenance(new FakeClock());
  tested = await testService(maintenance, config, id);
  await tested.service.start();
  return { ...tested, maintenance };
}

describe('the roles service', () => {
  it('runs roles when asked, and lists them', async () => {
    const { client } = await start({ schedule: { 'purge-stores': { enabled: false } }, purge: { accounts: ['7'] } });
    expect(await client.runRole({ name: 'fts-indexing' })).toEqual({ result: '1 messages in 1 mailboxes indexed' });
    const { roles } = await client.listRoles({});
    expect(roles.map(({ name, enabled, owner }) => [name, enabled, owner])).toEqual([
      ['purge.stores', false, false],
      ['purge.accounts', false, false],
      ['fts-indexing', true, true],
    ]);
    expect(Number.isInteger(roles[2]?.nextRunAt)).toBe(true);
    expect(roles[2]).toMatchObject({ lastError: '', lastResult: '1 messages in 1 mailboxes indexed' });
  });

  it('indexes accounts that changed, of its own shards only', async () => {
    const { events, maintenance, client } = await start({
      'fts-indexing': { 'fts-indexing': ['1', '2'] },
      'index-delay': '1ms',
    });
    await vi.waitFor(() => expect(maintenance.done('index')).toHaveLength(1));
    // FNV-1a is odd for "b" and even for "a".
    for (const accountId of ['a', 'b']) {
      events.publish({ $case: 'mailboxChanged', value: { accountId, mailboxId: 1, modseq: 1 } });
    }
    await vi.waitFor(() => expect(maintenance.done('index').at(-1)?.accountIds).toEqual(['a']));
    expect((await client.listRoles({})).roles[2]?.owner).toBe(true);
  });

  it('needs the mailbox events of all accounts while it has a role that follows them', async () => {
    const { service, interests } = await start({});
    await vi.waitFor(() => expect(interests).toContain('all'));
    await service.drain(new AbortController().signal);
    expect(interests.at(-1)).toEqual(new Set());
  });

  it('needs none on a node that has no part in such a role', async () => {
    const { client, interests } = await start({ 'fts-indexing': { 'fts-indexing': ['1', '2'] } }, '3');
    await client.runRole({ name: 'purge.stores' });
    expect(interests).not.toContain('all');
  });

  it('gives its roles back when it drains, and stops listening', async () => {
    const { service, maintenance, listeners, client } = await start({});
    await client.runRole({ name: 'purge.stores' });
    await service.drain(new AbortController().signal);
    expect([...maintenance.leases.values()].map(({ owner }) => owner)).toEqual(['', '', '']);
    expect(listeners.size).toBe(0);
    await service.stop();
    await service.check();
  });
});
