import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imapClient, sender } from '../support/clients.ts';
import { LineClient } from '../support/line-client.ts';
import { isOneStart, SHAPES, Stoa } from '../support/stoa.ts';

describe.each(SHAPES)('a stop and a start, %s', (shape) => {
  let stoa: Stoa;

  beforeAll(async () => {
    stoa = await Stoa.start(shape);
    await stoa.provision('alice');
  });
  afterAll(async () => stoa[Symbol.asyncDispose]());

  it('keeps messages, flags, UIDs, UIDVALIDITY and MODSEQs', async () => {
    await sender(stoa).sendMail({
      from: 'out@elsewhere.test',
      to: 'alice@example.test',
      subject: 'kept',
      text: 'hello',
    });
    const look = async () => {
      const client = await imapClient(stoa, 'alice');
      const { uidValidity, uidNext, highestModseq } = await client.mailboxOpen('INBOX');
      const message = await client.fetchOne('1', { uid: true, flags: true, envelope: true, source: true });
      if (message === false) throw new Error('there is no message');
      await client.logout();
      return {
        uidValidity,
        uidNext,
        highestModseq,
        uid: message.uid,
        flags: [...(message.flags ?? [])].filter((flag) => flag !== '\\Recent'),
        subject: message.envelope?.subject,
        source: message.source?.toString(),
      };
    };
    const client = await imapClient(stoa, 'alice');
    await client.mailboxOpen('INBOX');
    await client.messageFlagsAdd('1', ['\\Flagged', 'Later']);
    await client.logout();
    const before = await look();
    await stoa.stop();
    await stoa.startAll();
    expect(await look()).toEqual(before);
    expect(before.flags).toContain('Later');
  });

  it('says goodbye to IMAP clients, lets a message that is under way end, and exits with 0', async () => {
    const imap = new LineClient(stoa.port('imap'));
    expect(await imap.line()).toMatch(/^\* OK /);
    const smtp = new LineClient(stoa.port('smtp'));
    expect(await smtp.line()).toMatch(/^220 /);
    expect(await smtp.say('HELO client.test')).toMatch(/^250 /);
    expect(await smtp.say('MAIL FROM:<out@elsewhere.test>')).toMatch(/^250 /);
    expect(await smtp.say('RCPT TO:<alice@example.test>')).toMatch(/^250 /);
    expect(await smtp.say('DATA')).toMatch(/^354 /);

    const stopped = stoa.kill('imap', 'SIGTERM');
    expect(await imap.line()).toMatch(/^\* BYE /);
    expect(await imap.line()).toBeUndefined();
    imap.socket.destroy();
    expect(await smtp.say('Subject: last words\r\n\r\nhello\r\n.')).toMatch(/^250 /);
    if (isOneStart(shape)) expect(await smtp.line()).toMatch(/^421 /);
    smtp.socket.destroy();
    expect(await stopped).toBe(0);

    await stoa.startAll();
    const client = await imapClient(stoa, 'alice');
    await client.mailboxOpen('INBOX');
    const subjects: (string | undefined)[] = [];
    for await (const { envelope } of client.fetch('1:*', { envelope: true })) subjects.push(envelope?.subject);
    expect(subjects.at(-1)).toBe('last words');
    await client.logout();
  });
});
