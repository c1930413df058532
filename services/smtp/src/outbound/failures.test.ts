import { storage } from '@stoa/contracts';
import { describe, expect, it } from 'vitest';
import { CLOSE, type FakeServerOptions, SILENCE } from '../../test/outbound/fake-server.ts';
import { harness, server, twoServers } from '../../test/outbound/harness.ts';

const { QueueRecipient_Status: Status } = storage;

const on = (verb: string, answer: string | typeof CLOSE | typeof SILENCE): FakeServerOptions => ({
  answer: (line) => (line.startsWith(verb) ? answer : undefined),
});

const PLAIN = { ehlo: ['SIZE 100000'] };

/** How a server may fail before the message is at its end. */
const BREAKS: [string, FakeServerOptions][] = [
  ['hangs up at the greeting', { greeting: CLOSE }],
  ['greets with 421', { greeting: '421 4.3.2 busy' }],
  ['greets with 554', { greeting: '554 not today' }],
  ['greets with 521', { greeting: '521 no mail here' }],
  ['greets with garbage', { greeting: 'SSH-2.0-OpenSSH' }],
  ['greets without end', { greeting: `${'220-x\r\n'.repeat(300)}220 x` }],
  ['greets with a line without end', { greeting: `220 ${'x'.repeat(10_000)}` }],
  ['hangs up at EHLO', on('EHLO', CLOSE)],
  ['refuses EHLO and HELO', { answer: (line) => (/^(EHLO|HELO)/.test(line) ? '550 no' : undefined) }],
  ['answers EHLO with two codes', on('EHLO', '250-a\r\n550 b')],
  ['hangs up at MAIL', { ...PLAIN, ...on('MAIL', CLOSE) }],
  ['hangs up at MAIL, pipelined', on('MAIL', CLOSE)],
  ['answers 451 to MAIL', { ...PLAIN, ...on('MAIL', '451 4.3.0 no') }],
  ['answers 451 to MAIL, pipelined', on('MAIL', '451 4.3.0 no')],
  ['answers 354 to MAIL', { ...PLAIN, ...on('MAIL', '354 what') }],
  ['hangs up at RCPT', { ...PLAIN, ...on('RCPT', CLOSE) }],
  ['hangs up at RCPT, pipelined', on('RCPT', CLOSE)],
  ['answers 421 to RCPT', on('RCPT', '421 4.3.2 bye')],
  ['hangs up at DATA', { ...PLAIN, ...on('DATA', CLOSE) }],
  ['hangs up at DATA, pipelined', on('DATA', CLOSE)],
  ['hangs up within the message', { early: { octets: 10_000, answer: CLOSE } }],
  ['says 421 within the message', { early: { octets: 10_000, answer: '421 4.4.2 timeout' } }],
  ['says 250 within the message', { early: { octets: 10_000, answer: '250 fine already' } }],
];

const BIG = `Subject: big\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(60_000)}`;

describe('a server that breaks', () => {
  it.each(BREAKS)('%s: the next one gets the message', async (_, options) => {
    const { a, b, zone, port } = await twoServers(options);
    const message = options.early === undefined ? undefined : { message: BIG };
    const { run, add, queue } = harness({ zone, config: { port }, ...message });
    add();
    await run();
    expect(a.conversations.length).toBe(1);
    expect(b.messages.length).toBe(1);
    expect(queue.rows.size).toBe(0);
    expect(queue.reports[0]?.recipients[0]).toMatchObject({ remoteMta: 'second.remote.test' });
  });

  it.each(BREAKS.filter(([, { greeting }]) => greeting !== '521 no mail here'))(
    '%s, and there is no other: the message waits',
    async (_, options) => {
      const mx = await server(options);
      const message = options.early === undefined ? undefined : { message: BIG };
      const { run, add, queue } = harness({ config: { port: mx.port }, ...message });
      add();
      await run();
      expect(queue.reports[0]?.recipients[0]).toMatchObject({ status: Status.STATUS_PENDING });
      expect(queue.reports[0]?.lastError).not.toBe('');
      expect(queue.notices).toEqual([]);
    },
  );

  it('is not followed by another once the message is at its end: it may have it', async () => {
    const { a, b, zone, port } = await twoServers({ message: () => CLOSE });
    const { run, add, queue, log } = harness({ zone, config: { port } });
    add();
    await run();
    expect([a.conversations.length, b.conversations.length]).toEqual([1, 0]);
    expect(queue.reports[0]?.recipients[0]).toMatchObject({ status: Status.STATUS_PENDING, enhancedStatus: '4.4.2' });
    expect(log.filter(({ level }) => level === 'warn')).toMatchObject([{ fields: { queueId: 'q1' } }]);
  });

  it('and says for good that it takes no mail (521): the message is returned', async () => {
    const mx = await server({ greeting: '521 no mail here' });
    const { run, add, queue } = harness({ config: { port: mx.port } });
    add();
    await run();
    expect(queue.reports[0]?.recipients[0]).toMatchObject({ status: Status.STATUS_FAILED, enhancedStatus: '5.3.2' });
  });

  it('refuses the sender for good: nobody else is asked', async () => {
    const { b, zone, port } = await twoServers(on('MAIL', '550 5.7.1 you are blocked'));
    const { run, add, queue } = harness({ zone, config: { port } });
    add(['a@remote.test', 'b@remote.test']);
    await run();
    expect(b.conversations.length).toBe(0);
    expect(queue.reports[0]?.recipients.map(({ status }) => status)).toEqual([
      Status.STATUS_FAILED,
      Status.STATUS_FAILED,
    ]);
  });

  it('says within the message that it does not want it: that counts', async () => {
    const { b, zone, port } = await twoServers({ early: { octets: 10_000, answer: '554 5.7.1 spam' } });
    const { run, add, queue } = harness({ zone, config: { port }, message: BIG });
    add();
    await run();
    expect(b.conversations.length).toBe(0);
    expect(queue.reports[0]?.recipients[0]).toMatchObject({
      status: Status.STATUS_FAILED,
      diagnostic: '554 5.7.1 spam',
    });
  });

  it('does not listen at all: the next address is tried', async () => {
    const mx = await server();
    const { run, add } = harness({
      config: { port: mx.port },
      zone: { mx: { 'remote.test': 'missing' }, addresses: { 'remote.test': ['::1', '127.0.0.3', '127.0.0.1'] } },
    });
    add();
    await run();
    expect(mx.messages.length).toBe(1);
  });
});

describe('a server that says nothing', () => {
  const CASES: [string, FakeServerOptions][] = [
    ['greeting', { greeting: SILENCE }],
    ['hello', on('EHLO', SILENCE)],
    ['mail', { ...PLAIN, ...on('MAIL', SILENCE) }],
    ['rcpt', { ...PLAIN, ...on('RCPT', SILENCE) }],
    ['data', { ...PLAIN, ...on('DATA', SILENCE) }],
  ];
  it.each(CASES)('is left after the time for: %s', async (phase, options) => {
    const mx = await server(options);
    const { run, add, queue } = harness({ config: { port: mx.port, timeouts: { [phase]: '30ms' } } });
    add();
    await run();
    expect(queue.reports[0]?.recipients[0]).toMatchObject({ status: Status.STATUS_PENDING, enhancedStatus: '4.4.2' });
    expect(queue.reports[0]?.lastError).toBe('the server did not answer in time');
  });

  it('after the message is waited for as long as configured', async () => {
    const mx = await server({ message: () => SILENCE });
    const { run, add, queue } = harness({ config: { port: mx.port, timeouts: { end: '30ms' } } });
    add();
    await run();
    expect(queue.reports[0]?.lastError).toContain('did not answer in time');
  });

  it('is left when the attempt takes too long in all', async () => {
    const mx = await server({ greeting: SILENCE });
    const { run, add, queue } = harness({ config: { port: mx.port, 'delivery-timeout': '50ms' } });
    const id = add();
    await run();
    expect(queue.reports[0]?.recipients[0]).toMatchObject({ status: Status.STATUS_PENDING });
    expect(queue.entry(id)?.nextAttemptAt).toBeGreaterThan(queue.entry(id)?.createdAt ?? 0);
  });
});
