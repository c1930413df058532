import { storage } from '@stoa/contracts';
import { describe, expect, it } from 'vitest';
import { blobKey } from '../src/body/blob-key.ts';
import { collectBlobs } from '../src/body/collect-blobs.ts';
import { Leases } from '../src/lease/leases.ts';
import { maintenanceService } from '../src/maintenance/service.ts';
import { deliverMessage, noticeRecipients, readBeginning } from '../src/queue/notice-delivery.ts';
import { Notices } from '../src/queue/notices.ts';
import { queueService } from '../src/queue/service.ts';
import { testDirectory, testLogger } from './support/directory.ts';
import { MemoryBlobStore } from './support/memory-blob-store.ts';
import { MemoryDataStore } from './support/memory-data-store.ts';
import { reportOf, testQueue } from './support/queue.ts';
import { call, open, sha256, testRouter } from './support/router.ts';

const { QueueRecipient_Status: Status } = storage;
const HOUR = 3_600_000;
const BODY = 'From: alice@example.org\r\nSubject: Hello\r\n\r\nThe text.\r\n';

/** A router as the service makes it: mail, directory and queue on the same stores. */
async function setUp() {
  const clock = { now: 1_700_000_000_000 };
  const now = () => clock.now;
  const data = new MemoryDataStore();
  const blobs = new MemoryBlobStore(now);
  const { queue, config } = testQueue({ store: data, clock });
  const router = testRouter({ data, blobs, queue, now });
  const { directory, accounts } = testDirectory({ store: data, clock });
  await directory.createDomain('example.org');
  const { row } = await directory.createAccount('alice@example.org', '', 0);
  let crashes = false;
  const logger = testLogger();
  const notices = new Notices({
    store: data,
    deliver: async (envelope, message, signal) => {
      const results = await deliverMessage(router.context, envelope, message, signal);
      if (crashes) throw new Error('killed after the delivery');
      return results;
    },
    resolve: (address) => noticeRecipients(directory, address),
    lifetime: config.lifetime,
    logger,
    now,
  });
  const service = queueService({
    queue,
    notices,
    readBody: (blobId, end, signal) => readBeginning(blobs, blobId, end, signal),
    hostname: 'mx.example.org',
    logger,
    now,
  });
  const submit = (sender: string, ...addresses: string[]) =>
    deliverMessage(
      router.context,
      storage.DeliveryEnvelope.fromPartial({ sender, recipients: addresses.map((address) => ({ address })) }),
      Buffer.from(BODY),
      call().signal,
    );
  const lease = async () =>
    ((await service.lease(storage.LeaseRequest.fromPartial({ limit: 10, leaseMs: 60_000 }), call())).entries ??
      []) as storage.QueueEntry[];
  const collect = async () => {
    for await (const _ of collectBlobs({ data, blobs }, { graceMs: HOUR, now })) {
    }
  };
  const inbox = async () => {
    const { snapshot } = await open(router, row.accountId, 'INBOX');
    return snapshot.count;
  };
  const setCrashes = (crash: boolean) => {
    crashes = crash;
  };
  const { accountId } = row;
  return {
    clock,
    data,
    blobs,
    queue,
    router,
    directory,
    accounts,
    accountId,
    service,
    submit,
    lease,
    collect,
    inbox,
    setCrashes,
  };
}

describe('a queued message', () => {
  it('keeps its body until its last entry is gone', async () => {
    const { clock, blobs, submit, lease, service, collect } = await setUp();
    await submit('alice@example.org', 'a@one.example', 'b@two.example');
    const key = blobKey(sha256(BODY));
    const collectAll = async () => {
      for (let i = 0; i < 3; i++) {
        clock.now += 2 * HOUR;
        await collect();
      }
    };
    const entries = await lease();
    expect(entries.map(({ domain }) => domain)).toEqual(['one.example', 'two.example']);
    await collectAll();
    expect(blobs.blobs.has(key)).toBe(true);
    await service.report(reportOf(entries[0]!), call());
    await collectAll();
    expect(blobs.blobs.has(key)).toBe(true);
    await service.report(reportOf(entries[1]!), call());
    await collectAll();
    expect(blobs.blobs.has(key)).toBe(false);
  });

  it('that fails is told to its sender’s account exactly once, whatever is killed', async () => {
    const { clock, submit, lease, service, inbox, setCrashes, queue } = await setUp();
    await submit('alice@example.org', 'a@one.example');
    const [entry] = await lease();
    const report = reportOf(entry!, Status.STATUS_FAILED, {
      notices: [{ recipient: 'Alice@example.org', accountId: '', message: Buffer.from('Subject: failed\r\n\r\n') }],
    });
    setCrashes(true);
    await service.report(report, call());
    expect([await inbox(), await queue.count()]).toEqual([1, 0]);
    await expect(service.report(report, call())).rejects.toMatchObject({ code: 'conflict' });
    setCrashes(false);
    for (let i = 0; i < 3; i++) {
      clock.now += 60_000;
      await lease();
    }
    expect(await inbox()).toBe(1);
  });

  it('that is cancelled comes back as a notice, or goes on to a sender elsewhere', async () => {
    const { submit, lease, service, inbox, router, accountId, blobs } = await setUp();
    await submit('alice@example.org', 'a@one.example');
    await submit('bob@else.example', 'a@one.example');
    const ids = (await lease()).map(({ id }) => id);
    await service.cancel({ ids, bounce: true }, call());
    expect(await inbox()).toBe(1);
    const { snapshot } = await open(router, accountId, 'INBOX');
    expect(snapshot.count).toBe(1);
    const stored = [...blobs.blobs.values()].map(({ data }) => data.toString());
    expect(stored.filter((text) => /^To: <alice@example.org>\r\nSubject: Undelivered/m.test(text)).length).toBe(1);
    const [notice] = await lease();
    expect(notice).toMatchObject({ sender: '', domain: 'else.example', recipients: [{ address: 'bob@else.example' }] });
  });
});

describe('MaintenanceService', () => {
  it('tells how the stores are, and lets only the owner of a lease work', async () => {
    const { data, blobs, queue, accounts, directory, clock, submit } = await setUp();
    await submit('alice@example.org', 'a@one.example');
    const now = () => clock.now;
    const down = { check: () => Promise.reject(new Error('no disk')) };
    const maintenance = maintenanceService({
      accounts,
      directory,
      blobs,
      index: { search: {} } as never,
      leases: new Leases(data, now),
      queue,
      stores: [
        { kind: 'data', driver: 'memory', store: data },
        { kind: 'blob', driver: 'broken', store: down },
      ],
      now,
    });
    expect(await maintenance.getStoreStats({}, call())).toEqual({
      accounts: 1,
      queueEntries: 1,
      stores: [
        { kind: 'data', driver: 'memory', healthy: true, detail: '' },
        { kind: 'blob', driver: 'broken', healthy: false, detail: 'no disk' },
      ],
    });
    const { token = 0 } = await maintenance.acquireLease({ name: 'purge', owner: 'n1', ttlMs: 1_000 }, call());
    const purge = async (fence: storage.Fence) => {
      for await (const _ of maintenance.purgeAccounts({ fence, changeLogMs: HOUR }, call())) {
      }
    };
    await purge({ lease: 'purge', token });
    await expect(purge({ lease: 'purge', token: token + 1 })).rejects.toMatchObject({ code: 'conflict' });
    await maintenance.releaseLease({ name: 'purge', owner: 'n1' }, call());
    await expect(purge({ lease: 'purge', token })).rejects.toMatchObject({ code: 'conflict' });
  });
});
