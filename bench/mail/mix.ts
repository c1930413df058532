import { inParallel } from '../load/drive.ts';
import { Histogram } from '../load/histogram.ts';
import { ImapLoad, imapCommand } from '../load/imap.ts';
import { address, type MailServer, PASSWORD } from '../peers/mail-server.ts';
import { appendCommand, fill } from './fill.ts';

/** Messages in each INBOX; a session adds one and removes one. */
export const MESSAGES = 30;
const OCTETS = 4000;

/**
 * What a mail client does from its login on: looks what is new, reads some messages, marks, files and deletes, saves a draft.
 * The mailbox has as many messages afterwards as before.
 */
export function session(account: number): readonly Buffer[] {
  const at = (n: number) => 1 + ((account * 7 + n * 11) % MESSAGES);
  const read = [0, 1, 2, 3].flatMap((n) => [
    `FETCH ${at(n)} (UID FLAGS BODY.PEEK[])`,
    `STORE ${at(n)} ${n % 2 === 0 ? '+' : '-'}FLAGS (\\Seen)`,
  ]);
  return [
    imapCommand(`LOGIN ${address(account)} "${PASSWORD}"`),
    ...[
      'LIST "" *',
      'STATUS Archive (MESSAGES UIDNEXT UNSEEN)',
      'SELECT INBOX',
      'FETCH 1:* (UID FLAGS)',
      `FETCH ${MESSAGES - 9}:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)`,
      ...read,
      'UID SEARCH UNSEEN',
      `FETCH ${at(4)} (BODY.PEEK[HEADER.FIELDS (References In-Reply-To)])`,
      'NOOP',
      'SEARCH SUBJECT invoice',
      `COPY ${at(5)} Archive`,
    ].map((text) => imapCommand(text)),
    appendCommand('INBOX', account * 1000, OCTETS),
    ...['NOOP', 'STORE 1 +FLAGS.SILENT (\\Deleted)', 'EXPUNGE', 'UID SEARCH SINCE 1-Jan-2023', 'NOOP', 'LOGOUT'].map(
      (text) => imapCommand(text),
    ),
  ];
}

export interface Mix {
  rate: number;
  /** Milliseconds. */
  p50: number;
  p99: number;
}

/**
 * Every client begins a new session, on a new connection, as soon as it has ended one. Commands count from the moment `lead`
 * on (milliseconds after the start): all clients log in at once at first, and are all over their sessions by then.
 */
export async function runSessions(side: MailServer, clients: number, ms: number, lead: number): Promise<Mix> {
  const times = new Histogram();
  const begin = performance.now() + lead;
  const end = begin + ms;
  await inParallel(clients, clients, async (account) => {
    const commands = session(account);
    while (performance.now() < end) {
      const client = await ImapLoad.open({ port: side.ports.imaps, tls: true });
      try {
        for (const command of commands) {
          const start = performance.now();
          if (start >= end) break;
          await client.run(command);
          const done = performance.now();
          if (done >= begin && done < end) times.record((done - start) * 1000);
        }
      } finally {
        client.close();
      }
    }
  });
  const rate = (times.count * 1000) / ms;
  return { rate, p50: times.percentile(0.5) / 1000, p99: times.percentile(0.99) / 1000 };
}

/** Gives every account its messages. */
export async function fillAccounts(side: MailServer, accounts: number): Promise<void> {
  await inParallel(accounts, 16, (account) => fill(side, { account, count: MESSAGES, octets: OCTETS, connections: 1 }));
}
