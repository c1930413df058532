import { storage } from '@stoa/contracts';
import { describe, expect, it } from 'vitest';
import { MemoryDataStore } from '../../test/support/memory-data-store.ts';
import { enqueue, type QueueTestOptions, reportOf, testQueue } from '../../test/support/queue.ts';
import { call } from '../../test/support/router.ts';
import { cancelNotice } from './cancel-notice.ts';
import { MAX_NOTICE_BYTES } from './notices.ts';

const { QueueRecipient_Status: Status } = storage;
const MINUTE = 60_000;

function setUp(options: QueueTestOptions = {}) {
  const store = new MemoryDataStore();
  const test = testQueue({ store, ...options });
  const lease = async () =>
    (await test.service.lease(
      storage.LeaseRequest.fromPartial({ limit: 10, leaseMs: MINUTE }),
      call(),
    )) as storage.LeaseResponse;
  const fail = async (recipient: string, message = 'failed', accountId = '') => {
    await enqueue(test.queue, store, ['a@one.example']);
    const [entry] = (await lease()).entries;
    const notices = [{ recipient, accountId, message: Buffer.from(message) }];
    await test.service.report(reportOf(entry!, Status.STATUS_FAILED, { notices }), call());
    return entry!;
  };
  return { ...test, store, lease, fail };
}

describe('notices', () => {
  it('are delivered once, with the null sender, and leave nothing behind', async () => {
    const { fail, sent, store, lease } = setUp();
    const entry = await fail('sender@example.org');
    await fail('a@example.org', 'to an account', '0123456789abcdef');
    await lease();
    expect(sent.length).toBe(2);
    expect(sent[0]).toMatchObject({
      message: 'Return-Path: <>\r\nfailed',
      envelope: {
        sender: '',
        recipients: [{ address: 'sender@example.org', accountId: '' }],
        idempotencyKey: `notice/${entry.id}/1/0`,
        eightBitMime: false,
      },
    });
    expect(sent[1]?.envelope.recipients).toMatchObject([{ accountId: '0123456789abcdef' }]);
    expect(store.size).toBe(0);
  });

  it('are tried again when they fail, by whoever asks for work', async () => {
    const keys: string[] = [];
    const outcomes = [
      () => [{ errorCode: 'over-quota', retryable: true }],
      () => {
        throw new Error('gone');
      },
      () => [{ errorCode: '', retryable: false }],
    ];
    const { fail, lease, clock, store } = setUp({
      deliver: async ({ idempotencyKey }) => {
        keys.push(idempotencyKey);
        return outcomes.shift()!();
      },
    });
    await fail('sender@example.org');
    for (let i = 0; i < 2; i++) {
      expect(await lease()).toEqual({ entries: [], nextDueAt: clock.now + MINUTE });
      clock.now += MINUTE;
    }
    await lease();
    expect(keys.length).toBe(3);
    expect(new Set(keys).size).toBe(1);
    expect(store.size).toBe(0);
  });

  it('that nobody can take are dropped, and logged', async () => {
    const { fail, sent, store, logger } = setUp();
    await fail('nobody@example.org');
    expect([sent.length, store.size]).toEqual([0, 0]);
    expect(logger.lines.filter(({ level }) => level === 'error').length).toBe(1);
    const never = setUp({ deliver: async () => [{ errorCode: 'not-found', retryable: false }] });
    await never.fail('sender@example.org');
    expect(never.store.size).toBe(0);
    const full = setUp({ deliver: async () => [{ errorCode: 'over-quota', retryable: true }] });
    await full.fail('sender@example.org');
    expect(full.store.size).toBe(1);
    full.clock.now += full.config.lifetime;
    await full.lease();
    expect(full.store.size).toBe(0);
  });

  it('that are none are refused with their report', async () => {
    const { fail, store } = setUp();
    await expect(fail('')).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(fail('a@b.org', '')).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(fail('a@b.org', 'x'.repeat(MAX_NOTICE_BYTES + 1))).rejects.toMatchObject({ code: 'too-large' });
    // Three entries are left, with their places and links.
    expect(store.size).toBe(9);
  });
});

describe('cancel', () => {
  it('removes entries at once, also from under a worker', async () => {
    const { lease, service, queue, store, sent } = setUp();
    await enqueue(queue, store, ['a@one.example', 'a@two.example']);
    const [entry, other] = (await lease()).entries;
    const ids = [entry!.id, other!.id, 'nonsense'];
    expect(await service.cancel({ ids, bounce: false }, call())).toEqual({ cancelled: 2 });
    expect([store.size, sent.length]).toEqual([0, 0]);
    await expect(service.report(reportOf(entry!), call())).rejects.toMatchObject({ code: 'conflict' });
    await expect(service.cancel({ ids, bounce: true }, call())).rejects.toMatchObject({ code: 'not-found' });
  });

  it('tells the sender of the recipients that wait, if asked', async () => {
    const { lease, service, queue, store, sent } = setUp();
    const recipients = [
      'a@one.example',
      { address: 'b@one.example', originalRecipient: 'rfc822;first+2Blast@one.example' },
      { address: 'c@one.example', notify: 8 },
      { address: 'd@one.example', notify: 1 },
      { address: 'e@one.example', notify: 2 },
      'f@one.example',
    ];
    await enqueue(queue, store, recipients, { envelopeId: 'QQ314159' });
    const [entry] = (await lease()).entries;
    const told = entry!.recipients.map((each) =>
      each.address === 'f@one.example' ? { ...each, status: Status.STATUS_DELIVERED } : each,
    );
    await service.report(reportOf(entry!, undefined, { recipients: told }), call());
    await service.cancel({ ids: [entry!.id], bounce: true }, call());
    expect(sent.length).toBe(1);
    const { message, envelope } = sent[0]!;
    expect(envelope.recipients).toMatchObject([{ address: 'sender@example.org' }]);
    expect(message.match(/^Final-Recipient: .*$/gm)).toEqual(
      ['a', 'b', 'e'].map((name) => `Final-Recipient: rfc822; ${name}@one.example`),
    );
    expect(message).toContain('Original-Recipient: rfc822; first+last@one.example\r\n');
    expect(message).toContain('Original-Envelope-Id: QQ314159\r\n');
    expect(message).toMatch(/Action: failed\r\nStatus: 5\.7\.0\r\n/);
    expect(message).toContain('Subject: hello\r\n');
    expect(message).not.toContain('body\r\n');
    expect(store.size).toBe(0);
  });

  it('tells nobody where the sender is null or does not want to know', async () => {
    const { service, queue, store, sent, lease } = setUp();
    await enqueue(queue, store, ['a@one.example'], { sender: '' });
    await enqueue(queue, store, [{ address: 'a@one.example', notify: 8 }]);
    const ids = (await lease()).entries.map(({ id }) => id);
    expect(await service.cancel({ ids, bounce: true }, call())).toEqual({ cancelled: 2 });
    expect([sent.length, store.size]).toEqual([0, 0]);
  });

  it('returns the whole of a short message where that was asked for', async () => {
    const { queue, store, lease } = setUp();
    await enqueue(queue, store, ['a@one.example'], { returnFull: true });
    const [entry] = (await lease()).entries;
    const beginning = Buffer.from('Subject: hello\r\n\r\nbody\r\n');
    const options = { hostname: 'mx.example.org', now: 0, random: new Uint8Array(24), beginning };
    const text = (size: number) => Buffer.from(cancelNotice({ ...entry!, size }, options)!.message).toString();
    expect(text(beginning.length)).toContain('\r\nSubject: hello\r\n\r\nbody\r\n');
    expect(text(beginning.length + 1)).not.toContain('body\r\n');
  });
});
