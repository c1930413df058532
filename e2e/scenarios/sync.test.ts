import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImapFlow } from 'imapflow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imapClient, runProgram } from '../support/clients.ts';
import { PASSWORD, SHAPES, Stoa } from '../support/stoa.ts';
import { toolPath } from '../support/tools.ts';

const FOLDER = 'Übersee';
/** In modified UTF-7 (RFC 3501 section 5.1.3): clients that do not convert it keep it as a folder's name. */
const WIRE_FOLDER = '&ANw-bersee';

const message = (subject: string) =>
  `From: a@elsewhere.test\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@x>\r\n\r\n${subject}\r\n`;

/** Files of a Maildir folder. */
function mailsIn(folder: string): string[] {
  return ['cur', 'new'].flatMap((part) => readdirSync(join(folder, part)).map((name) => join(folder, part, name)));
}

const mailWith = (folder: string, subject: string) =>
  mailsIn(folder).find((file) => readFileSync(file, 'utf8').includes(`Subject: ${subject}`));

/** The letters behind ":2," in a Maildir file's name, such as "FS". */
const letters = (file: string | undefined) => file?.split(':2,')[1];

async function subjectsAndFlags(client: ImapFlow, mailbox: string): Promise<Record<string, string[]>> {
  await client.mailboxOpen(mailbox);
  const found: Record<string, string[]> = {};
  if (client.mailbox !== false && client.mailbox.exists === 0) return found;
  for await (const { envelope, flags } of client.fetch('1:*', { envelope: true, flags: true }))
    found[envelope?.subject ?? ''] = [...(flags ?? [])].filter((flag) => flag !== '\\Recent').sort();
  return found;
}

interface SyncTool {
  name: 'mbsync' | 'offlineimap';
  user: string;
  configure(stoa: Stoa, user: string, file: string, mirror: string): void;
  run(file: string): Promise<unknown>;
}

const MBSYNC: SyncTool = {
  name: 'mbsync',
  user: 'alice',
  configure: (stoa, user, file, mirror) =>
    writeFileSync(
      file,
      `IMAPAccount a
Host localhost
Port ${stoa.port('imaps')}
User ${user}@example.test
Pass "${PASSWORD}"
SSLType IMAPS
CertificateFile ${join(stoa.folder, 'cert.pem')}

IMAPStore far
Account a

MaildirStore near
Path ${mirror}/
Inbox ${mirror}/INBOX
SubFolders Verbatim

Channel c
Far :far:
Near :near:
Patterns INBOX "${WIRE_FOLDER}"
Create Both
Expunge Both
SyncState *
`,
    ),
  run: (file) => runProgram('mbsync', ['-c', file, '-a']),
};

const OFFLINEIMAP: SyncTool = {
  name: 'offlineimap',
  user: 'bob',
  configure: (stoa, user, file, mirror) =>
    writeFileSync(
      file,
      `[general]
accounts = a
metadata = ${mirror}.meta
ui = basic
[Account a]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = ${mirror}
[Repository far]
type = IMAP
remotehost = localhost
remoteport = ${stoa.port('imaps')}
remoteuser = ${user}@example.test
remotepass = ${PASSWORD}
ssl = yes
sslcacertfile = ${join(stoa.folder, 'cert.pem')}
folderfilter = lambda name: name in ('INBOX', '${WIRE_FOLDER}')
`,
    ),
  run: (file) => runProgram('offlineimap', ['-o', '-c', file], { env: { PYTHONWARNINGS: 'ignore' } }),
};

describe.each(SHAPES)('clients that mirror mailboxes, %s', (shape) => {
  let stoa: Stoa;

  beforeAll(async () => {
    stoa = await Stoa.start(shape);
    await stoa.provision(MBSYNC.user, OFFLINEIMAP.user);
  });
  afterAll(async () => stoa[Symbol.asyncDispose]());

  for (const tool of [MBSYNC, OFFLINEIMAP]) {
    it.skipIf(toolPath(tool.name) === undefined)(
      `${tool.name} carries mail, flags and deletions both ways`,
      async () => {
        const mirror = join(stoa.folder, tool.name);
        const file = join(stoa.folder, `${tool.name}.conf`);
        mkdirSync(mirror);
        tool.configure(stoa, tool.user, file, mirror);
        const inbox = join(mirror, 'INBOX');
        const folder = join(mirror, WIRE_FOLDER);
        const client = await imapClient(stoa, tool.user);
        await client.mailboxCreate(FOLDER);
        for (const subject of ['one', 'two', 'three']) await client.append('INBOX', message(subject));
        await client.append(FOLDER, message('four'), ['\\Seen']);

        await tool.run(file);
        expect(mailsIn(inbox)).toHaveLength(3);
        expect(letters(mailWith(folder, 'four'))).toBe('S');

        // At the server: a flag, a deletion. In the mirror: a flag, a deletion, a new message.
        await client.mailboxOpen('INBOX');
        await client.messageFlagsAdd('1', ['\\Flagged']);
        await client.messageDelete('2');
        const three = mailWith(inbox, 'three') as string;
        const seen = `${three.split(':2,')[0] as string}:2,S`.replace('/new/', '/cur/');
        renameSync(three, seen);
        rmSync(mailWith(folder, 'four') as string);
        writeFileSync(join(folder, 'new', '1.five.host'), message('five').replaceAll('\r\n', '\n'));

        await tool.run(file);
        expect(letters(mailWith(inbox, 'one'))).toContain('F');
        expect(mailWith(inbox, 'two')).toBeUndefined();
        expect(await subjectsAndFlags(client, 'INBOX')).toEqual({ one: ['\\Flagged'], three: ['\\Seen'] });
        expect(Object.keys(await subjectsAndFlags(client, FOLDER))).toEqual(['five']);
        await client.logout();
      },
    );
  }
});
