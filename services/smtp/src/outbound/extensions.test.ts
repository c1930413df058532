import { storage } from '@stoa/contracts';
import { describe, expect, it } from 'vitest';
import { harness, server } from '../../test/outbound/harness.ts';

const { QueueRecipient_Status: Status } = storage;

const EIGHT_BIT = Buffer.from('Subject: x\r\n\r\nGrüße\r\n');
const UTF8_HEADER = Buffer.from('Subject: Grüße\r\n\r\nx\r\n');

async function send(
  ehlo: readonly string[],
  options: { message?: Buffer; entry?: Partial<storage.QueueEntry>; recipients?: Partial<storage.QueueRecipient>[] },
) {
  const mx = await server({ ehlo });
  const { run, add, queue } = harness({
    config: { port: mx.port },
    ...(options.message === undefined ? {} : { message: options.message }),
  });
  const { recipients: _, ...entry } = options.entry ?? {};
  add(options.recipients ?? ['bob@remote.test'], entry);
  await run();
  const { mail, rcpts, data } = mx.messages[0] ?? {};
  return { mail, rcpts, data, recipients: queue.reports[0]?.recipients ?? [], notices: queue.notices };
}

describe('extensions of the server', () => {
  it('8BITMIME is said where it is offered', async () => {
    const { mail, data } = await send(['8BITMIME'], { message: EIGHT_BIT, entry: { eightBitMime: true } });
    expect(mail).toBe('MAIL FROM:<sender@example.test> BODY=8BITMIME');
    expect(Buffer.from(data ?? '', 'latin1')).toEqual(EIGHT_BIT);
  });

  it('without 8BITMIME a message that needs it is returned, one that does not is sent', async () => {
    const returned = await send([], { message: EIGHT_BIT, entry: { eightBitMime: true } });
    expect(returned.recipients).toMatchObject([{ status: Status.STATUS_FAILED, enhancedStatus: '5.6.3' }]);
    expect(returned.mail).toBe(undefined);
    const sent = await send([], { entry: { eightBitMime: true } });
    expect(sent.mail).toBe('MAIL FROM:<sender@example.test>');
  });

  it('SMTPUTF8 is said where it is offered', async () => {
    const { mail, rcpts } = await send(['SMTPUTF8', '8BITMIME'], {
      entry: { smtputf8: true, sender: 'jörg@example.test' },
      recipients: [{ address: 'zoë@remote.test' }],
    });
    const utf8 = (text = '') => Buffer.from(text, 'latin1').toString();
    expect(utf8(mail)).toBe('MAIL FROM:<jörg@example.test> SMTPUTF8');
    expect(utf8(rcpts?.[0])).toBe('RCPT TO:<zoë@remote.test>');
  });

  it('without SMTPUTF8 only what needs it is returned', async () => {
    const some = await send([], {
      entry: { smtputf8: true },
      recipients: [{ address: 'zoë@remote.test' }, { address: 'bob@remote.test' }],
    });
    expect(some.recipients).toMatchObject([
      { status: Status.STATUS_FAILED, enhancedStatus: '5.6.7' },
      { status: Status.STATUS_DELIVERED },
    ]);
    expect(some.mail).toBe('MAIL FROM:<sender@example.test>');
    const sender = await send([], { entry: { smtputf8: true, sender: 'jörg@example.test' } });
    expect(sender.recipients).toMatchObject([{ status: Status.STATUS_FAILED, enhancedStatus: '5.6.7' }]);
    const header = await send([], { entry: { smtputf8: true }, message: UTF8_HEADER });
    expect(header.recipients).toMatchObject([{ status: Status.STATUS_FAILED, enhancedStatus: '5.6.9' }]);
    const body = await send([], { entry: { smtputf8: true }, message: EIGHT_BIT });
    expect(body.recipients).toMatchObject([{ status: Status.STATUS_DELIVERED }]);
  });

  it('SIZE keeps from sending what is too big', async () => {
    const { recipients, mail } = await send(['SIZE 20'], {});
    expect(mail).toBe(undefined);
    expect(recipients).toMatchObject([{ status: Status.STATUS_FAILED, enhancedStatus: '5.3.4' }]);
  });

  const recipients = [
    { address: 'a@remote.test', notify: 1 | 2, originalRecipient: 'rfc822;a+2Bb@ours.test' },
    { address: 'b@remote.test', notify: 8 },
    { address: 'c@remote.test' },
  ];

  it('DSN passes on what the sender wishes, and the duty to tell', async () => {
    const { mail, rcpts, notices } = await send(['DSN'], {
      recipients,
      entry: { envelopeId: 'E 1', returnFull: true },
    });
    expect(mail).toBe('MAIL FROM:<sender@example.test> RET=FULL ENVID=E+201');
    expect(rcpts).toEqual([
      'RCPT TO:<a@remote.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;a+2Bb@ours.test',
      'RCPT TO:<b@remote.test> NOTIFY=NEVER',
      'RCPT TO:<c@remote.test>',
    ]);
    expect(notices).toEqual([]);
  });

  it('without DSN the sender who asked learns that it was relayed', async () => {
    const { rcpts, notices, recipients: after } = await send([], { recipients });
    expect(rcpts?.[0]).toBe('RCPT TO:<a@remote.test>');
    expect(after.map(({ status }) => status)).toEqual([
      Status.STATUS_RELAYED,
      Status.STATUS_DELIVERED,
      Status.STATUS_DELIVERED,
    ]);
    expect(notices.length).toBe(1);
    expect(notices[0]?.text.match(/^(Final-Recipient|Action): .*$/gm)).toEqual([
      'Final-Recipient: rfc822; a@remote.test',
      'Action: relayed',
    ]);
  });
});
