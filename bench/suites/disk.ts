import { setTimeout as delay } from 'node:timers/promises';
import type { Bench, BenchContext } from '../framework/bench.ts';
import { type Row, row } from '../framework/row.ts';
import type { ImapLoad } from '../load/imap.ts';
import { message } from '../mail/corpus.ts';
import { appendCommand, login } from '../mail/fill.ts';
import { execute } from '../mail/side.ts';
import { Dovecot } from '../peers/dovecot.ts';
import type { MailServer } from '../peers/mail-server.ts';
import { writtenBy } from '../peers/process-tree.ts';
import { StoaServer } from '../peers/stoa.ts';
import { server } from '../support/needs.ts';

const OCTETS = 4000;
const CONNECTIONS = 20;
/** Data is looked at until it has been the same for this long, in milliseconds: indexes are written behind the mail. */
const QUIET = 3000;
const MAX_WAIT = 30_000;

interface Use {
  /** Octets on the disk for each octet of mail. */
  stored: number;
  /** Octets on the disk for each message. */
  each: number;
  /** Octets written to the disk for each octet of mail. */
  written: number;
  /** Part of their space, in percent, that is free again after half of the messages were expunged. */
  back: number;
  /** Part of the space of as many new messages, in percent, that is taken beyond what was taken before. */
  grown: number;
}

/** What the data takes when nothing has changed for a while. */
async function settled(side: MailServer): Promise<number> {
  const deadline = performance.now() + MAX_WAIT;
  let [use, since] = [side.diskUse(), performance.now()];
  while (performance.now() < Math.min(since + QUIET, deadline)) {
    await delay(500);
    const now = side.diskUse();
    if (now !== use) [use, since] = [now, performance.now()];
  }
  return use;
}

async function append(clients: readonly ImapLoad[], from: number, to: number): Promise<number> {
  let next = from;
  let octets = 0;
  await Promise.all(
    clients.map(async (client) => {
      while (next < to) {
        const n = next++;
        octets += message(n, OCTETS).length;
        await client.run(appendCommand('INBOX', n, OCTETS));
      }
    }),
  );
  return octets;
}

async function measure(side: MailServer, count: number): Promise<Use> {
  const clients: ImapLoad[] = [];
  try {
    // What a process wrote is known as long as it lives, so all connections stay.
    for (let i = 0; i < CONNECTIONS; i++) clients.push(await login(side, 0));
    // The first messages make what is made once.
    await append(clients, 0, 200);
    const empty = await settled(side);
    const written = writtenBy(side.pids());
    const octets = await append(clients, 200, 200 + count);
    const full = await settled(side);
    const wrote = writtenBy(side.pids()) - written;
    const client = clients[0] as ImapLoad;
    await execute(client, 'SELECT INBOX');
    await execute(client, `STORE 1:${count / 2} +FLAGS.SILENT (\\Deleted)`);
    await execute(client, 'EXPUNGE');
    const half = await settled(side);
    await append(clients, 200 + count, 200 + count + count / 2);
    const again = await settled(side);
    const stored = full - empty;
    return {
      stored: stored / octets,
      each: stored / count,
      written: wrote / octets,
      back: (100 * (full - half)) / (stored / 2),
      grown: (100 * (again - half)) / (stored / 2),
    };
  } finally {
    for (const client of clients) client.close();
  }
}

async function* run(context: BenchContext): AsyncGenerator<Row> {
  const count = context.quick ? 2000 : 5000;
  const dovecot = await context.use(Dovecot.start({ accounts: 1 }));
  // Space is given back after hours by default; here as soon as may be.
  const stoa = await context.use(
    StoaServer.start({
      accounts: 1,
      environment: {
        STOA_ROLES__BLOB_GRACE: '2s',
        STOA_ROLES__SCHEDULE__PURGE_STORES__INTERVAL: '1s',
        STOA_ROLES__SCHEDULE__PURGE_ACCOUNTS__INTERVAL: '1s',
      },
    }),
  );
  context.progress(`${count} messages`);
  const here = await measure(stoa, count);
  context.signal.throwIfAborted();
  const there = await measure(dovecot, count);
  const one = (name: string, unit: string, key: keyof Use, better: 'lower' | 'higher' = 'lower') =>
    row({ name, unit, better, value: here[key], peer: 'Dovecot', peerValue: there[key] });
  yield one('stored for a message of 4 KB, with its indexes', 'B', 'each');
  yield one('stored for an octet of mail', 'B', 'stored');
  yield one('written to the disk for an octet of mail, twenty connections', 'B', 'written');
  yield one('given back to the system when half is expunged', '% of its space', 'back', 'higher');
  yield one('growth by as many new messages as were expunged', '% of their space', 'grown');
}

export default {
  name: 'disk',
  describe: 'Octets stored and written for each message, and space after deletes, beside Dovecot',
  needs: [server('dovecot')],
  quick: false,
  run,
} satisfies Bench;
