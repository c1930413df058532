import { storage } from '@stoa/contracts';
import { describe, expect, it } from 'vitest';
import { harness, SENT, server } from '../../test/outbound/harness.ts';

const { QueueRecipient_Status: Status } = storage;

const states = (report: storage.ReportRequest | undefined) =>
  report?.recipients.map(({ address, status, enhancedStatus }) => [
    address.split('@')[0],
    storage.QueueRecipient_Status[status as never] ?? status,
    enhancedStatus,
  ]);

describe('delivery', () => {
  it('sends a message by MX, without our Return-Path, dots stuffed, and reports it', async () => {
    const mx = await server({ ehlo: ['PIPELINING', 'SIZE 10000', '8BITMIME'] });
    const { queue, log, run, add } = harness({ config: { port: mx.port, 'idle-timeout': '1ms' } });
    add(['bob@remote.test', 'carol@remote.test']);
    await run();
    expect(mx.messages).toEqual([
      {
        mail: `MAIL FROM:<sender@example.test> SIZE=${SENT.length - 1}`,
        rcpts: ['RCPT TO:<bob@remote.test>', 'RCPT TO:<carol@remote.test>'],
        data: SENT,
      },
    ]);
    expect(mx.conversations[0]?.slice(0, 5)).toEqual([
      'EHLO stoa.example.test',
      `MAIL FROM:<sender@example.test> SIZE=${SENT.length - 1}`,
      'RCPT TO:<bob@remote.test>',
      'RCPT TO:<carol@remote.test>',
      'DATA',
    ]);
    expect(queue.rows.size).toBe(0);
    expect(queue.reports[0]).toMatchObject({ notices: [], lastError: '' });
    expect(queue.reports[0]?.recipients).toMatchObject([
      { status: Status.STATUS_DELIVERED, remoteMta: 'mx.remote.test', diagnostic: '250 2.0.0 taken' },
      { status: Status.STATUS_DELIVERED },
    ]);
    expect(log).toMatchObject([{ fields: { queueId: 'q1', domain: 'remote.test', mx: 'mx.remote.test', code: 250 } }]);
  });

  it('asks with HELO and command by command where the server knows no better', async () => {
    const mx = await server({ ehlo: undefined });
    const { run, add } = harness({ config: { port: mx.port } });
    add();
    await run();
    expect(mx.commands.slice(0, 5)).toEqual([
      'EHLO stoa.example.test',
      'HELO stoa.example.test',
      'MAIL FROM:<sender@example.test>',
      'RCPT TO:<bob@remote.test>',
      'DATA',
    ]);
    expect(mx.messages[0]?.data).toBe(SENT);
  });

  it('tries again after temporary failures, with growing pauses', async () => {
    let left = 2;
    const mx = await server({
      answer: (line) => (line.startsWith('RCPT') && left-- > 0 ? '450 4.2.1 later' : undefined),
    });
    const { run, add, queue, clock } = harness({ config: { port: mx.port, schedule: ['1m', '10m'] } });
    const id = add();
    for (const [round, pause] of [
      [1, 60_000],
      [2, 600_000],
    ] as const) {
      await run(round);
      expect(queue.entry(id)).toMatchObject({ lastError: '450 4.2.1 later', attempts: round });
      const wait = (queue.entry(id)?.nextAttemptAt ?? 0) - clock.now;
      expect(wait).toBeGreaterThanOrEqual(pause * 0.8);
      expect(wait).toBeLessThanOrEqual(pause * 1.2);
      clock.now += wait;
    }
    await run(3);
    expect(queue.rows.size).toBe(0);
    expect(queue.notices).toEqual([]);
    expect(mx.messages.length).toBe(1);
  });

  it('returns what a server refuses to the sender, with the cause', async () => {
    const mx = await server({
      answer: (line) => (line.startsWith('RCPT') ? '550-5.1.1 No\r\n550 5.1.1 such user' : undefined),
    });
    const { run, add, queue } = harness({ config: { port: mx.port } });
    add([{ address: 'bob@remote.test', originalRecipient: 'rfc822;b+2Bo@remote.test' }], { envelopeId: 'E1' });
    await run();
    expect(queue.rows.size).toBe(0);
    const [notice] = queue.notices;
    expect(notice?.recipient).toBe('sender@example.test');
    for (const text of [
      'Original-Envelope-Id: E1\r\n',
      'Original-Recipient: rfc822; b+o@remote.test\r\n',
      'Final-Recipient: rfc822; bob@remote.test\r\nAction: failed\r\nStatus: 5.1.1\r\nRemote-MTA: dns; mx.remote.test\r\n',
      'Diagnostic-Code: smtp; 550 5.1.1 No such user\r\n',
      'Subject: hello\r\n',
    ]) {
      expect(notice?.text).toContain(text);
    }
    expect(notice?.text).not.toContain('a line with a dot');
    expect(notice?.text).not.toContain('Return-Path');
  });

  it('tells recipients of one message apart', async () => {
    const mx = await server({
      answer(line) {
        if (line.includes('bad')) return '550 no';
        return line.includes('later') ? '451 4.7.1 greylisted' : undefined;
      },
    });
    const { run, add, queue, clock } = harness({ config: { port: mx.port } });
    const id = add(['good@remote.test', 'bad@remote.test', 'later@remote.test']);
    await run();
    expect(states(queue.reports[0])).toEqual([
      ['good', Status.STATUS_DELIVERED, '2.0.0'],
      ['bad', Status.STATUS_FAILED, '5.0.0'],
      ['later', Status.STATUS_PENDING, '4.7.1'],
    ]);
    expect(queue.notices.map(({ text }) => text.match(/^Final-Recipient: .*$/gm))).toEqual([
      ['Final-Recipient: rfc822; bad@remote.test'],
    ]);
    clock.now = queue.entry(id)?.nextAttemptAt ?? 0;
    await run(2);
    expect(mx.commands.filter((line) => line.startsWith('RCPT')).slice(3)).toEqual(['RCPT TO:<later@remote.test>']);
    expect(queue.notices.length).toBe(1);
  });

  it.each([
    ['450 4.2.0 later', Status.STATUS_PENDING, '4.2.0'],
    ['554 5.7.1 spam', Status.STATUS_FAILED, '5.7.1'],
    ['421 4.3.2 going down', Status.STATUS_PENDING, '4.3.2'],
    ['354 what?', Status.STATUS_PENDING, '4.5.0'],
  ])('takes %s after the message for all recipients', async (reply, status, enhanced) => {
    const mx = await server({ message: () => reply });
    const { run, add, queue } = harness({ config: { port: mx.port } });
    add(['a@remote.test', 'b@remote.test']);
    await run();
    expect(states(queue.reports[0])).toEqual([
      ['a', status, enhanced],
      ['b', status, enhanced],
    ]);
  });

  it('sends to the rest in another transaction where a server takes only so many recipients', async () => {
    let count = 0;
    const mx = await server({
      answer(line) {
        if (line.startsWith('MAIL')) count = 0;
        return line.startsWith('RCPT') && ++count > 2 ? '452 4.5.3 too many' : undefined;
      },
    });
    const { run, add, queue } = harness({ config: { port: mx.port } });
    add(['a@remote.test', 'b@remote.test', 'c@remote.test', 'd@remote.test', 'e@remote.test']);
    await run();
    expect(mx.messages.map(({ rcpts }) => rcpts.length)).toEqual([2, 2, 1]);
    expect(mx.conversations.length).toBe(1);
    expect(queue.rows.size).toBe(0);
  });

  it('ends a message that a server wants for nobody (RFC 2920)', async () => {
    const mx = await server({
      answer: (line) => (line.startsWith('RCPT') ? '550 no' : line === 'DATA' ? '354 go on' : undefined),
      message: () => '554 nobody',
    });
    const { run, add, queue } = harness({ config: { port: mx.port, 'idle-timeout': '1ms' } });
    add();
    await run();
    expect(states(queue.reports[0])).toEqual([['bob', Status.STATUS_FAILED, '5.0.0']]);
    expect(mx.messages).toEqual([]);
    expect(mx.commands).toContain('RSET');
  });

  it('keeps a connection for the next message to the domain', async () => {
    const mx = await server();
    const { run, add, queue } = harness({
      config: { port: mx.port, 'domain-concurrency': 1, 'max-messages-per-connection': 2 },
    });
    for (let i = 0; i < 4; i++) add();
    await run(4);
    expect(mx.messages.length).toBe(4);
    expect(mx.conversations.length).toBe(2);
    expect(mx.mostOpen).toBeLessThanOrEqual(2);
    expect(queue.rows.size).toBe(0);
  });

  it('goes on with a new connection where a kept one was closed meanwhile', async () => {
    const mx = await server({ answer: (line, n) => (n === 0 && line.includes('two@') ? '421 4.4.2 bye' : undefined) });
    const { run, add, queue } = harness({ config: { port: mx.port, 'domain-concurrency': 1 } });
    add(['one@remote.test']);
    add(['two@remote.test']);
    await run(2);
    expect(mx.messages.length).toBe(2);
    expect(queue.rows.size).toBe(0);
  });
});

describe('recipients of our own domains', () => {
  const known = {
    'alice@ours.test': [{ accountId: 'A', address: 'alice@ours.test', mailbox: 'Lists' }],
    'nobody@ours.test': 'unknown' as const,
    'off@ours.test': [{ accountId: 'B', address: 'off@ours.test', disabled: true }],
  };

  it('are delivered to accounts, the same key at each attempt', async () => {
    const codes = ['over-quota', ''];
    const { run, add, queue, deliveries, clock } = harness({
      known,
      localResults: () => [{ errorCode: codes.shift() ?? '', retryable: true }],
    });
    const id = add(['alice@ours.test'], { domain: 'ours.test' });
    await run();
    expect(states(queue.reports[0])).toEqual([['alice', Status.STATUS_PENDING, '4.2.2']]);
    clock.now = queue.entry(id)?.nextAttemptAt ?? 0;
    await run(2);
    expect(queue.rows.size).toBe(0);
    expect(deliveries.length).toBe(2);
    expect(new Set(deliveries.map(({ envelope }) => envelope.idempotencyKey)).size).toBe(1);
    expect(deliveries[0]).toMatchObject({
      envelope: {
        sender: 'sender@example.test',
        recipients: [{ accountId: 'A', mailbox: 'Lists' }],
        queueFailed: false,
      },
    });
    expect(deliveries[0]?.message).toContain('Return-Path');
  });

  it('fail where there is no such address', async () => {
    const { run, add, queue } = harness({ known });
    add(['alice@ours.test', 'nobody@ours.test', 'off@ours.test'], { domain: 'ours.test' });
    await run();
    expect(states(queue.reports[0])).toEqual([
      ['alice', Status.STATUS_DELIVERED, '2.0.0'],
      ['nobody', Status.STATUS_FAILED, '5.1.1'],
      ['off', Status.STATUS_FAILED, '5.2.1'],
    ]);
    expect(queue.notices[0]?.text).toContain('Diagnostic-Code: x-stoa; 550 5.1.1 No such mailbox');
  });
});
