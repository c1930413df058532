import { inParallel } from '../load/drive.ts';
import { ImapLoad, imapCommand } from '../load/imap.ts';
import { address, type MailServer, PASSWORD } from '../peers/mail-server.ts';
import { dateOf, internalDate, message } from './corpus.ts';

/** Connections that lay down one mailbox. */
const CONNECTIONS = 24;

export function login(server: MailServer, account: number): Promise<ImapLoad> {
  return ImapLoad.login({ port: server.ports.imaps, tls: true }, address(account), PASSWORD);
}

/** APPEND of a message of the corpus; LITERAL- lets it be of 4096 octets at most (RFC 7888). */
export function appendCommand(mailbox: string, n: number, octets: number): Buffer {
  return imapCommand(`APPEND ${mailbox} () ${internalDate(dateOf(n))}`, message(n, octets));
}

/** Appends messages 0 to count of the corpus, in about this order. */
export async function fill(
  server: MailServer,
  {
    account = 0,
    mailbox = 'INBOX',
    count,
    octets = 2048,
    connections = CONNECTIONS,
  }: {
    account?: number;
    mailbox?: string;
    count: number;
    octets?: number;
    connections?: number;
  },
): Promise<void> {
  const clients = await inParallel(Math.min(connections, count), connections, () => login(server, account));
  let next = 0;
  try {
    await Promise.all(
      clients.map(async (client) => {
        while (next < count) await client.run(appendCommand(mailbox, next++, octets));
      }),
    );
  } finally {
    for (const client of clients) client.close();
  }
}

/** Copies the first messages of INBOX to its end until it has as many as wanted. */
export async function multiply(
  server: MailServer,
  { have, from, to }: { have: number; from: number; to: number },
): Promise<void> {
  const client = await login(server, 0);
  try {
    await client.run(imapCommand('SELECT INBOX'));
    for (let count = have; count < to; count += from)
      await client.run(imapCommand(`COPY 1:${Math.min(from, to - count)} INBOX`));
  } finally {
    client.close();
  }
}
