import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imapClient, runProgram, sender } from '../support/clients.ts';
import { PASSWORD, SHAPES, Stoa } from '../support/stoa.ts';
import { toolPath } from '../support/tools.ts';

const READ_WITH_IMAPLIB = `
import imaplib, ssl, sys
context = ssl.create_default_context(); context.check_hostname = False; context.verify_mode = ssl.CERT_NONE
m = imaplib.IMAP4('127.0.0.1', int(sys.argv[1])); m.starttls(context)
m.login(sys.argv[2], sys.argv[3]); m.select('INBOX', readonly=True)
found, [numbers] = m.search(None, 'ALL')
for number in numbers.split(): sys.stdout.buffer.write(m.fetch(number, '(BODY.PEEK[])')[1][0][1])
m.logout()
`;

const SEND_WITH_SMTPLIB = `
import smtplib, sys
s = smtplib.SMTP('127.0.0.1', int(sys.argv[1])); s.sendmail('out@elsewhere.test', [sys.argv[2]], sys.argv[3].replace('\\n', '\\r\\n')); s.quit()
`;

describe.each(SHAPES)('the first mail, %s', (shape) => {
  let stoa: Stoa;

  beforeAll(async () => {
    stoa = await Stoa.start(shape);
    await stoa.provision('alice', 'bob', 'carol', 'dave');
  });
  afterAll(async () => stoa[Symbol.asyncDispose]());

  it('goes from smtplib to imaplib and curl, byte for byte', async () => {
    const text = 'From: out@elsewhere.test\nTo: alice@example.test\nSubject: one\n\n.dots\n..and more\nend\n';
    await runProgram('python3', ['-c', SEND_WITH_SMTPLIB, String(stoa.port('smtp')), 'alice@example.test', text]);
    const user = 'alice@example.test';
    const python = await runProgram('python3', ['-c', READ_WITH_IMAPLIB, String(stoa.port('imap')), user, PASSWORD]);
    const curl = await runProgram('curl', [
      '-sk',
      '-u',
      `${user}:${PASSWORD}`,
      `imaps://${stoa.address('imaps')}/INBOX;MAILINDEX=1`,
    ]);
    const body = text.replaceAll('\n', '\r\n');
    for (const { stdout } of [python, curl]) {
      expect(stdout).toMatch(/^Return-Path: <out@elsewhere\.test>\r\nReceived: from /);
      expect(stdout.endsWith(body)).toBe(true);
    }
  });

  it.skipIf(toolPath('swaks') === undefined)('goes from swaks over STARTTLS', async () => {
    const { stdout } = await runProgram('swaks', [
      ...['--server', '127.0.0.1', '--port', String(stoa.port('submission')), '--tls'],
      ...['--auth', 'PLAIN', '--auth-user', 'bob@example.test', '--auth-password', PASSWORD],
      ...['--from', 'bob@example.test', '--to', 'bob@example.test', '--header', 'Subject: by swaks'],
    ]);
    expect(stdout).toContain('250 2.0.0 Ok: queued as');
    const client = await imapClient(stoa, 'bob');
    await client.mailboxOpen('INBOX');
    expect((await client.fetchOne('*', { envelope: true })) || undefined).toMatchObject({
      envelope: { subject: 'by swaks' },
    });
    await client.logout();
  });

  it('is told to a second connection that idles, without polling', async () => {
    const client = await imapClient(stoa, 'carol');
    await client.mailboxOpen('INBOX');
    const told = once(client, 'exists');
    const idling = client.idle();
    await sender(stoa).sendMail({
      from: 'out@elsewhere.test',
      to: 'carol@example.test',
      subject: 'two',
      text: 'hello',
    });
    const [event] = (await told) as [{ count: number }];
    expect(event.count).toBe(1);
    await client.noop();
    await idling;
    await client.logout();
  });

  it('shows flags, copies, moves and expunges of one client at the other', async () => {
    const [one, two] = await Promise.all([imapClient(stoa, 'dave'), imapClient(stoa, 'dave')]);
    for (const subject of ['a', 'b', 'c']) await one.append('INBOX', `Subject: ${subject}\r\n\r\n${subject}\r\n`);
    await Promise.all([one.mailboxOpen('INBOX'), two.mailboxOpen('INBOX')]);

    const flagged = once(two, 'flags');
    await one.messageFlagsAdd('1', ['\\Flagged', '$Work']);
    await two.noop();
    const [change] = (await flagged) as [{ seq: number; flags: Set<string> }];
    expect([change.seq, [...change.flags].sort()]).toEqual([1, ['$Work', '\\Flagged']]);

    await one.messageCopy('1', 'Archive');
    expect(await two.status('Archive', { messages: true })).toMatchObject({ messages: 1 });

    const gone: number[] = [];
    two.on('expunge', ({ seq }: { seq: number }) => gone.push(seq));
    await one.messageMove('2', 'Trash');
    await one.messageDelete('1');
    await two.noop();
    expect(gone).toEqual([2, 1]);
    const left: (string | undefined)[] = [];
    for await (const message of two.fetch('1:*', { envelope: true })) left.push(message.envelope?.subject);
    expect(left).toEqual(['c']);
    await Promise.all([one.logout(), two.logout()]);
  });
});
