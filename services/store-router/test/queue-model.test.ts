import { storage } from '@stoa/contracts';
import { hasCode, StoaError } from '@stoa/plugin-sdk';
import { describe, expect, it } from 'vitest';
import { ChaoticStore, type Faults, Interleaver } from './support/interleaver.ts';
import { MemoryDataStore } from './support/memory-data-store.ts';
import { enqueue, testQueue } from './support/queue.ts';
import { call } from './support/router.ts';

const { QueueRecipient_Status: Status } = storage;
type Status = storage.QueueRecipient_Status;

const LEASE_MS = 1_000;
const MESSAGES = 6;
const WORKERS = 3;

/** What the servers outside say is settled by the address, so that each recipient has one true result. */
function outcome(address: string, attempts: number): Status {
  if (address.startsWith('bad')) return Status.STATUS_FAILED;
  if (address.startsWith('slow') && attempts < 3) return Status.STATUS_PENDING;
  return Status.STATUS_DELIVERED;
}

/** Several routers and workers on one queue; commits fail, workers die, leases run out, notices are repeated. */
async function run(seed: number, faults: Faults) {
  const interleaver = new Interleaver(seed);
  const { random } = interleaver;
  const data = new MemoryDataStore();
  const clock = { now: 1_000_000 };
  /** By idempotency key, as the accounts remember it. */
  const delivered = new Map<string, string>();
  const deliver = async (envelope: storage.DeliveryEnvelope, message: Uint8Array) => {
    await interleaver.step();
    const chance = random();
    if (chance < faults.before) throw new StoaError('unavailable', 'no');
    delivered.set(envelope.idempotencyKey, Buffer.from(message).toString());
    if (chance < faults.before + faults.after) throw new StoaError('unavailable', 'no answer');
    return [{ errorCode: '', retryable: false }];
  };
  const routers = Array.from({ length: 2 }, () =>
    testQueue({ store: new ChaoticStore(data, interleaver, faults), clock, deliver }),
  );
  const recipients = Array.from({ length: MESSAGES }, (_, i) => [
    `bad${i}@one.example`,
    `good${i}@one.example`,
    `slow${i}@two.example`,
    `bad-too${i}@two.example`,
    `good-too${i}@three.example`,
  ]);
  for (const each of recipients) await enqueue(routers[0]!.queue, data, each);

  const leased = new Set<string>();
  const reported = new Set<string>();
  const attempt = async (service: (typeof routers)[0]['service'], entry: storage.QueueEntry) => {
    const lease = `${entry.id}/${entry.fence}`;
    expect(leased.has(lease)).toBe(false);
    leased.add(lease);
    if (random() < 0.2) return; // The worker dies.
    if (random() < 0.2) clock.now += LEASE_MS; // It takes too long.
    await interleaver.step();
    const after = entry.recipients.map((recipient) =>
      recipient.status === Status.STATUS_PENDING
        ? { ...recipient, status: outcome(recipient.address, entry.attempts) }
        : recipient,
    );
    const failed = after.filter(
      ({ status }, i) => status === Status.STATUS_FAILED && status !== entry.recipients[i]!.status,
    );
    const report = storage.ReportRequest.fromPartial({
      id: entry.id,
      fence: entry.fence,
      recipients: after,
      nextAttemptAt: clock.now + 500,
      notices: failed.map(({ address }) => ({ recipient: 'sender@example.org', message: Buffer.from(address) })),
    });
    for (let attempts = 0; attempts < 3; attempts++) {
      try {
        await service.report(report, call());
        expect(reported.has(lease)).toBe(false);
        reported.add(lease);
        return;
      } catch (error) {
        if (hasCode(error, 'conflict')) return;
        if (!hasCode(error, 'unavailable')) throw error;
      }
    }
  };
  const isEmpty = () => !data.entries().some(([key]) => key[0] === 0x51 && key[1] !== 0x03);
  const work = async (service: (typeof routers)[0]['service']) => {
    for (let idle = 0; !isEmpty(); idle++) {
      if (idle === 3_000) throw new Error('the queue is never done');
      const request = storage.LeaseRequest.fromPartial({ limit: 1 + Math.floor(random() * 6), leaseMs: LEASE_MS });
      try {
        const { entries = [], nextDueAt = 0 } = await service.lease(request, call());
        await Promise.all(entries.map((entry) => attempt(service, entry as storage.QueueEntry)));
        if (entries.length === 0) clock.now = Math.max(clock.now, Math.min(nextDueAt, clock.now + LEASE_MS));
      } catch (error) {
        if (!hasCode(error, 'unavailable')) throw error;
      }
    }
  };
  await interleaver.run(Promise.all(Array.from({ length: WORKERS }, (_, i) => work(routers[i % 2]!.service))));
  return { data, notices: [...delivered.values()].sort(), recipients: recipients.flat() };
}

describe('the outbound queue', () => {
  it.each([
    ['without faults', { before: 0, after: 0, late: 0 }, 15],
    ['with commits that fail, and such that only seem to', { before: 0.1, after: 0.1, late: 0 }, 25],
    ['with commits that come late', { before: 0.05, after: 0.05, late: 0.05 }, 25],
  ])('%s gives each lease once, and one notice for each failed recipient', async (_, faults, runs) => {
    for (let seed = 1; seed <= runs; seed++) {
      const { data, notices, recipients } = await run(seed, faults);
      const failed = recipients.filter((address) => address.startsWith('bad')).sort();
      expect(notices).toEqual(failed.map((address) => `Return-Path: <>\r\n${address}`));
      expect(data.size).toBe(0);
    }
  });
});
