import { storage } from '@stoa/contracts';
import { describe, expect, it } from 'vitest';
import { MemoryDataStore } from '../../test/support/memory-data-store.ts';
import { enqueue, reportOf, testQueue } from '../../test/support/queue.ts';
import { call } from '../../test/support/router.ts';
import { WrappedStore } from '../../test/support/wrapped-store.ts';

const { QueueRecipient_Status: Status } = storage;
const MINUTE = 60_000;

function setUp(store = new MemoryDataStore()) {
  const test = testQueue({ store });
  const lease = async (more: Partial<storage.LeaseRequest> = {}) =>
    (await test.service.lease(
      storage.LeaseRequest.fromPartial({ worker: 'w', limit: 10, leaseMs: MINUTE, ...more }),
      call(),
    )) as storage.LeaseResponse;
  const report = (request: storage.ReportRequest) => test.service.report(request, call());
  const add = (recipients: Parameters<typeof enqueue>[2], envelope?: Parameters<typeof enqueue>[3]) =>
    enqueue(test.queue, store, recipients, envelope);
  return { ...test, store, lease, report, add };
}

describe('enqueue', () => {
  it('makes one entry for each domain, with its link to the body', async () => {
    const { add, lease, store, clock, config } = setUp();
    const id = await add([
      'a@One.example',
      { address: 'list@example.org', finalAddress: 'b@one.example', originalRecipient: 'rfc822;x@y', notify: 2 },
      'c@bücher.example',
      'd@xn--bcher-kva.example',
      'e@[192.0.2.1]',
    ]);
    const { entries } = await lease();
    const shown = entries.map((entry) => [entry.id, entry.domain, entry.recipients.map(({ address }) => address)]);
    expect(shown).toEqual([
      [`${id}-1`, 'one.example', ['a@One.example', 'b@one.example']],
      [`${id}-2`, 'xn--bcher-kva.example', ['c@bücher.example', 'd@xn--bcher-kva.example']],
      [`${id}-3`, '[192.0.2.1]', ['e@[192.0.2.1]']],
    ]);
    expect(entries[0]).toMatchObject({
      sender: 'sender@example.org',
      attempts: 1,
      fence: 1,
      createdAt: clock.now,
      expiresAt: clock.now + config.lifetime,
      delayNotified: false,
    });
    expect(entries[0]?.recipients[1]).toMatchObject({ originalRecipient: 'rfc822;x@y', notify: 2 });
    const links = store.entries().filter(([key]) => key[0] === 0x4c);
    expect(links.length).toBe(3);
  });

  it('happens once for each idempotency key, which is forgotten after a day', async () => {
    const { add, queue, clock } = setUp();
    const id = await add(['a@one.example'], { idempotencyKey: 'k' });
    await expect(add(['a@one.example'], { idempotencyKey: 'k' })).rejects.toMatchObject({ code: 'conflict' });
    expect(await queue.queued('k')).toBe(id);
    expect(await queue.queued('l')).toBeUndefined();
    const now = () => clock.now;
    expect(await queue.purgeMarkers({ now })).toBe(0);
    clock.now += 24 * 60 * MINUTE + 1;
    expect(await queue.purgeMarkers({ now })).toBe(1);
    expect(await queue.queued('k')).toBeUndefined();
  });

  it('splits very many recipients of one domain', async () => {
    const { add, lease } = setUp();
    await add(Array.from({ length: 2_500 }, (_, i) => `u${i}@one.example`));
    const { entries } = await lease();
    expect(entries.map(({ recipients }) => recipients.length)).toEqual([1_000, 1_000, 500]);
  });

  it('refuses more domains than one commit takes', async () => {
    const { add } = setUp();
    const many = (count: number) => Array.from({ length: count }, (_, i) => `a@d${i}.example`);
    await add(many(3_000));
    await expect(add(many(4_000))).rejects.toMatchObject({ code: 'limit-exceeded' });
  });
});

describe('lease', () => {
  it('gives an entry to one worker, and to the next when the time is over', async () => {
    const { add, lease, clock, report } = setUp();
    await add(['a@one.example']);
    const first = await lease();
    expect(first.nextDueAt).toBe(clock.now + MINUTE);
    expect(await lease()).toEqual({ entries: [], nextDueAt: clock.now + MINUTE });
    clock.now += MINUTE;
    const second = await lease();
    expect(second.entries[0]).toMatchObject({ fence: 2, attempts: 2 });
    await expect(report(reportOf(first.entries[0]!))).rejects.toMatchObject({ code: 'conflict', retryable: false });
    await report(reportOf(second.entries[0]!));
    expect(await lease()).toEqual({ entries: [], nextDueAt: 0 });
  });

  it('takes many in one commit', async () => {
    const counted = new WrappedStore(new MemoryDataStore());
    const { service, queue } = testQueue({ store: counted });
    for (let i = 0; i < 300; i++) await enqueue(queue, counted, [`a@d${i}.example`]);
    counted.commits = 0;
    const request = storage.LeaseRequest.fromPartial({ limit: 200, leaseMs: MINUTE });
    const { entries } = await service.lease(request, call());
    expect([entries?.length, counted.commits]).toEqual([200, 1]);
  });

  it('shares what is due among workers that ask at the same time', async () => {
    const { add, lease } = setUp();
    for (let i = 0; i < 40; i++) await add([`a@d${i}.example`]);
    const got = await Promise.all(Array.from({ length: 4 }, () => lease()));
    const ids = got.flatMap(({ entries }) => entries.map(({ id }) => id));
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBe(40);
  });

  it('passes over domains that are busy, and takes no more of one than wanted', async () => {
    const { add, lease, clock } = setUp();
    for (let i = 0; i < 50; i++) await add(['a@slow.example']);
    clock.now += 1;
    for (let i = 0; i < 5; i++) await add(['a@two.example']);
    clock.now += 1;
    await add(['a@three.example']);
    const domains = async (more: Partial<storage.LeaseRequest>) =>
      (await lease(more)).entries.map(({ domain }) => domain.split('.')[0]).join(' ');
    expect(await domains({ limit: 7, limitPerDomain: 3 })).toBe('slow slow slow two two two three');
    expect(await domains({ busyDomains: ['slow.example'] })).toBe('two two');
    expect(await domains({ limit: 2 })).toBe('slow slow');
    expect(await domains({ limit: 0 })).toBe('');
  });

  it('gives out no more than a message of the contract holds, but always something', async () => {
    const { add, lease } = setUp();
    const long = `rfc822;${'x'.repeat(900)}`;
    const many = (domain: string) =>
      Array.from({ length: 1_000 }, (_, i) => ({ address: `u${i}@${domain}`, originalRecipient: long }));
    for (let i = 0; i < 5; i++) await add(many(`d${i}.example`));
    const sizes = [];
    for (let i = 0; i < 4; i++) sizes.push((await lease()).entries.length);
    expect(sizes).toEqual([2, 2, 1, 0]);
  });

  it('needs a sensible time', async () => {
    const { lease } = setUp();
    for (const leaseMs of [0, 25 * 60 * MINUTE]) {
      await expect(lease({ leaseMs })).rejects.toMatchObject({ code: 'invalid-argument' });
    }
  });
});

describe('report', () => {
  it('keeps what is pending for the next attempt, and unlinks the body with the last recipient', async () => {
    const { add, lease, clock, report, store, service } = setUp();
    await add(['a@one.example', 'b@one.example']);
    const [entry] = (await lease()).entries;
    const recipients = entry!.recipients.map((each, i) => ({
      ...each,
      status: i === 0 ? Status.STATUS_DELIVERED : Status.STATUS_PENDING,
      diagnostic: '450 later',
    }));
    const nextAttemptAt = clock.now + 5 * MINUTE;
    const partly = reportOf(entry!, undefined, { recipients, nextAttemptAt, lastError: 'later', delayNotified: true });
    await report(partly);
    // Once for each lease.
    await expect(report(partly)).rejects.toMatchObject({ code: 'conflict' });
    expect(await lease()).toEqual({ entries: [], nextDueAt: nextAttemptAt });
    expect((await service.getEntry({ id: entry!.id }, call())).entry).toMatchObject({ recipients, lastError: 'later' });
    clock.now = nextAttemptAt;
    const [again] = (await lease()).entries;
    expect(again).toMatchObject({ fence: 2, attempts: 2, delayNotified: true, recipients });
    await report(reportOf(again!));
    expect(store.size).toBe(0);
    await expect(service.getEntry({ id: entry!.id }, call())).rejects.toMatchObject({ code: 'not-found' });
  });

  it('counts after the lease ran out, as long as nobody else took the entry', async () => {
    const { add, lease, clock, report, store } = setUp();
    await add(['a@one.example']);
    const [entry] = (await lease()).entries;
    clock.now += 60 * MINUTE;
    await report(reportOf(entry!));
    expect(store.size).toBe(0);
  });

  it('keeps the beginning of what a server said without end', async () => {
    const { add, lease, report, service } = setUp();
    await add(['a@one.example']);
    const [entry] = (await lease()).entries;
    const recipients = entry!.recipients.map((each) => ({ ...each, diagnostic: 'x'.repeat(5_000_000) }));
    await report(reportOf(entry!, Status.STATUS_PENDING, { recipients, lastError: 'y'.repeat(5_000_000) }));
    const kept = (await service.getEntry({ id: entry!.id }, call())).entry;
    expect([kept?.recipients?.[0]?.diagnostic?.length, kept?.lastError?.length]).toEqual([1_000, 1_000]);
  });

  it('must tell of the entry’s recipients, and take nothing back', async () => {
    const { add, lease, report, clock } = setUp();
    await add(['a@one.example', 'b@one.example']);
    const [entry] = (await lease()).entries;
    const [a, b] = entry!.recipients as [storage.QueueRecipient, storage.QueueRecipient];
    const bad = [[a], [b, a], [a, b, b], [a, { ...b, status: Status.STATUS_UNSPECIFIED }], [a, { ...b, address: 'x' }]];
    for (const recipients of bad) {
      await expect(report(reportOf(entry!, undefined, { recipients }))).rejects.toMatchObject({
        code: 'invalid-argument',
      });
    }
    await report(reportOf(entry!, undefined, { recipients: [{ ...a, status: Status.STATUS_FAILED }, b] }));
    clock.now += 1;
    const [again] = (await lease()).entries;
    await expect(report(reportOf(again!, undefined, { recipients: [a, b] }))).rejects.toMatchObject({
      code: 'invalid-argument',
    });
  });
});

describe('retry', () => {
  it('makes entries due now, but for those that a worker has', async () => {
    const { add, lease, report, service, clock, events } = setUp();
    for (const domain of ['one', 'two', 'three']) await add([`a@${domain}.example`]);
    const { entries } = await lease({ limit: 2 });
    for (const entry of entries) {
      await report(reportOf(entry, Status.STATUS_PENDING, { nextAttemptAt: clock.now + 60 * MINUTE }));
    }
    await lease({ limit: 1 });
    expect(await service.retry({ ids: [] }, call())).toEqual({ retried: 2 });
    expect(events).toEqual([{ $case: 'queueReady', value: { domain: '' } }]);
    expect((await lease()).entries.length).toBe(2);
    await expect(service.retry({ ids: ['nonsense'] }, call())).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('list', () => {
  it('shows all entries or those of a domain', async () => {
    const { add, service, queue } = setUp();
    for (let i = 0; i < 1_100; i++) await add([`a@${i % 2 === 0 ? 'even' : 'odd'}.example`]);
    const count = async (domain: string) => {
      let seen = 0;
      for await (const { entries } of service.listEntries({ domain }, call())) seen += entries?.length ?? 0;
      return seen;
    };
    expect([await count(''), await count('EVEN.example'), await count('none.example')]).toEqual([1_100, 550, 0]);
    expect(await queue.count()).toBe(1_100);
  });
});
