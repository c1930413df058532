import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imapClient, runProgram } from '../support/clients.ts';
import { PASSWORD, SHAPES, Stoa } from '../support/stoa.ts';
import { toolPath } from '../support/tools.ts';

/** Texts of all messages in a Maildir folder. */
function maildir(folder: string): string[] {
  return ['cur', 'new'].flatMap((state) =>
    readdirSync(join(folder, state)).map((name) => readFileSync(join(folder, state, name), 'latin1')),
  );
}

describe.each(SHAPES)('clients that mirror a mailbox, %s', (shape) => {
  let stoa: Stoa;

  beforeAll(async () => {
    stoa = await Stoa.start(shape);
    await stoa.provision('alice', 'bob');
  });
  afterAll(async () => stoa[Symbol.asyncDispose]());

  async function fill(user: string): Promise<void> {
    const client = await imapClient(stoa, user);
    await client.mailboxCreate('Réunions');
    for (let i = 0; i < 5; i++) await client.append('INBOX', `Subject: inbox ${i}\r\n\r\nbody ${i}\r\n`);
    await client.append('Réunions', 'Subject: folder\r\n\r\nin a folder\r\n', ['\\Seen']);
    await client.logout();
  }

  async function subjects(user: string, mailbox: string): Promise<(string | undefined)[]> {
    const client = await imapClient(stoa, user);
    const { exists } = await client.mailboxOpen(mailbox);
    const found: (string | undefined)[] = [];
    if (exists > 0)
      for await (const { envelope } of client.fetch('1:*', { envelope: true })) found.push(envelope?.subject);
    await client.logout();
    return found.sort();
  }

  it.skipIf(toolPath('mbsync') === undefined)('mbsync, both ways', async () => {
    await fill('alice');
    const home = join(stoa.folder, 'mbsync');
    const mail = join(home, 'mail');
    mkdirSync(mail, { recursive: true });
    const config = join(home, 'mbsyncrc');
    writeFileSync(
      config,
      `IMAPAccount stoa
Host localhost
Port ${stoa.port('imaps')}
SSLType IMAPS
CertificateFile ${join(stoa.folder, 'cert.pem')}
User alice@example.test
Pass "${PASSWORD}"

IMAPStore remote
Account stoa

MaildirStore local
Path ${mail}/
Inbox ${mail}/INBOX
SubFolders Verbatim

Channel all
Far :remote:
Near :local:
Patterns *
Create Near
Expunge Both
SyncState *
`,
    );
    chmodSync(config, 0o600);
    const sync = () => runProgram('mbsync', ['-c', config, '-a'], { env: { HOME: home } });
    await sync();
    expect(maildir(join(mail, 'INBOX'))).toHaveLength(5);
    expect(maildir(join(mail, 'R&AOk-unions')).join()).toContain('in a folder');

    writeFileSync(join(mail, 'INBOX/new/1.local'), 'Subject: from the mirror\n\nhello\n');
    const client = await imapClient(stoa, 'alice');
    await client.mailboxOpen('INBOX');
    await client.messageDelete('1');
    await client.logout();
    await sync();
    await sync();
    expect(maildir(join(mail, 'INBOX'))).toHaveLength(5);
    expect(await subjects('alice', 'INBOX')).toEqual(['from the mirror', 'inbox 1', 'inbox 2', 'inbox 3', 'inbox 4']);
  });

  it.skipIf(toolPath('offlineimap') === undefined)('offlineimap, both ways', async () => {
    await fill('bob');
    const home = join(stoa.folder, 'offlineimap');
    mkdirSync(home, { recursive: true });
    const config = join(home, 'offlineimaprc');
    const fingerprint = new X509Certificate(readFileSync(join(stoa.folder, 'cert.pem'))).fingerprint
      .replaceAll(':', '')
      .toLowerCase();
    writeFileSync(
      config,
      `[general]
accounts = stoa
metadata = ${home}/metadata
ui = basic
[Account stoa]
localrepository = local
remoterepository = remote
[Repository local]
type = Maildir
localfolders = ${home}/mail
[Repository remote]
type = IMAP
remotehost = 127.0.0.1
remoteport = ${stoa.port('imaps')}
remoteuser = bob@example.test
remotepass = ${PASSWORD}
ssl = yes
cert_fingerprint = ${fingerprint}
`,
    );
    const sync = () => runProgram('offlineimap', ['-c', config, '-o'], { env: { HOME: home } });
    await sync();
    expect(maildir(join(home, 'mail/INBOX'))).toHaveLength(5);
    writeFileSync(
      join(home, 'mail/INBOX/new/2.local'),
      'Subject: from the mirror\nMessage-ID: <1@mirror.test>\n\nhello\n',
    );
    await sync();
    expect(await subjects('bob', 'INBOX')).toEqual([
      'from the mirror',
      'inbox 0',
      'inbox 1',
      'inbox 2',
      'inbox 3',
      'inbox 4',
    ]);
  });
});
