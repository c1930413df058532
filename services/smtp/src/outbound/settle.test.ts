import { storage } from '@stoa/contracts';
import { describe, expect, it } from 'vitest';
import type { RecipientResult } from './result.ts';
import { nextAttempt } from './retry-schedule.ts';
import { type SettleOptions, settle } from './settle.ts';

const { QueueRecipient_Status: Status } = storage;
const HOUR = 3_600_000;

const OPTIONS: SettleOptions = {
  schedule: [60_000, 300_000],
  delayNotice: 4 * HOUR,
  now: 1000 * HOUR,
  random: 0.5,
  released: false,
};

function entry(
  recipients: Partial<storage.QueueRecipient>[],
  fields: Partial<Omit<storage.QueueEntry, 'recipients'>> = {},
): storage.QueueEntry {
  return storage.QueueEntry.fromPartial({
    id: 'q1',
    sender: 'sender@example.test',
    createdAt: OPTIONS.now - HOUR,
    expiresAt: OPTIONS.now + 100 * HOUR,
    attempts: 1,
    ...fields,
    recipients: recipients.map((one, i) => ({ address: `r${i}@x.test`, status: Status.STATUS_PENDING, ...one })),
  });
}

const result = (state: RecipientResult['state'], remoteMta = 'mx.test'): RecipientResult => ({
  state,
  status: state === 'failed' ? '5.1.1' : state === 'pending' ? '4.2.1' : '2.0.0',
  diagnostic: `said ${state}`,
  remoteMta,
});

const told = (settlement: ReturnType<typeof settle>) =>
  settlement.told.map(({ recipient, action }) => `${recipient.address[1]} ${action}`);

describe('settle', () => {
  it('tells of failures unless the sender does not want to know', () => {
    const recipients = [{}, { notify: 2 }, { notify: 1 }, { notify: 4 }, { notify: 8 }];
    const settled = settle(
      entry(recipients),
      recipients.map(() => result('failed')),
      OPTIONS,
    );
    expect(told(settled)).toEqual(['0 failed', '1 failed']);
  });

  it('tells of success where that was asked for and no server will', () => {
    const recipients = [{ notify: 1 }, { notify: 1 }, { notify: 1 }, {}, { notify: 2 }];
    const results = [
      result('relayed'),
      result('delivered'),
      result('delivered', ''),
      result('relayed'),
      result('delivered'),
    ];
    expect(told(settle(entry(recipients), results, OPTIONS))).toEqual(['0 relayed', '2 delivered']);
  });

  it('leaves alone what was final, and is not told again', () => {
    const recipients = [
      { status: Status.STATUS_FAILED, diagnostic: 'before' },
      {},
      { status: Status.STATUS_DELIVERED },
    ];
    const settled = settle(entry(recipients), [result('pending')], OPTIONS);
    expect(settled.recipients.map(({ status }) => status)).toEqual([
      Status.STATUS_FAILED,
      Status.STATUS_PENDING,
      Status.STATUS_DELIVERED,
    ]);
    expect(told(settled)).toEqual([]);
    expect(settled.lastError).toBe('said pending');
  });

  it('tells of a delay once, to those who do not mind', () => {
    const old = { createdAt: OPTIONS.now - 4 * HOUR };
    const recipients = [{}, { notify: 4 }, { notify: 2 }, { notify: 8 }];
    const results = recipients.map(() => result('pending'));
    const settled = settle(entry(recipients, old), results, OPTIONS);
    expect(told(settled)).toEqual(['0 delayed', '1 delayed']);
    expect(settled.delayNotified).toBe(true);
    const again = settle(entry(recipients, { ...old, delayNotified: true }), results, OPTIONS);
    expect(told(again)).toEqual([]);
    expect(again.delayNotified).toBe(true);
  });

  it('gives up at the end of the time, with the last answer', () => {
    const settled = settle(entry([{}], { expiresAt: OPTIONS.now }), [result('pending')], OPTIONS);
    expect(settled.recipients).toMatchObject([
      { status: Status.STATUS_FAILED, enhancedStatus: '5.4.7', diagnostic: 'said pending', remoteMta: 'mx.test' },
    ]);
    expect(told(settled)).toEqual(['0 failed']);
  });

  it('keeps failures of notices, which have no sender, to be counted', () => {
    const old = { sender: '', createdAt: OPTIONS.now - 5 * HOUR };
    const settled = settle(
      entry([{}, {}, { notify: 1 }], old),
      [result('failed'), result('pending'), result('relayed')],
      OPTIONS,
    );
    expect(told(settled)).toEqual(['0 failed']);
  });

  it('of a delivery that was cut off changes nothing but what was decided', () => {
    const before = entry([{ diagnostic: 'old' }, {}], { expiresAt: OPTIONS.now - 1 });
    const settled = settle(before, [result('pending'), result('delivered')], { ...OPTIONS, released: true });
    expect(settled.recipients).toMatchObject([
      { status: Status.STATUS_PENDING, diagnostic: 'old' },
      { status: Status.STATUS_DELIVERED },
    ]);
    expect(settled.nextAttemptAt).toBe(OPTIONS.now);
  });

  it('of an entry that failed by the operator’s will tells so', () => {
    const recipients = [{ status: Status.STATUS_FAILED }, { status: Status.STATUS_DELIVERED }];
    expect(told(settle(entry(recipients), [], OPTIONS))).toEqual(['0 failed']);
  });
});

describe('nextAttempt', () => {
  it('follows the schedule, stays at its end, and within the time', () => {
    const at = (attempts: number, random = 0.5, expiresAt = 1_000_000) =>
      nextAttempt([100, 200], attempts, expiresAt, 1000, random);
    expect([at(0), at(1), at(2), at(9)]).toEqual([1100, 1100, 1200, 1200]);
    expect([at(1, 0), at(1, 1)]).toEqual([1080, 1120]);
    expect(at(2, 0.5, 1150)).toBe(1150);
    expect(at(2, 0.5, 900)).toBe(1000);
  });
});
