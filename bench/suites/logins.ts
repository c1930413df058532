import { setTimeout as delay } from 'node:timers/promises';
import type { Bench, BenchContext } from '../framework/bench.ts';
import { type Row, row } from '../framework/row.ts';
import { alternate, figure } from '../framework/statistics.ts';
import { drive, inParallel } from '../load/drive.ts';
import { Histogram } from '../load/histogram.ts';
import { ImapLoad, imapCommand } from '../load/imap.ts';
import { login } from '../mail/fill.ts';
import { Dovecot } from '../peers/dovecot.ts';
import { address, type MailServer, PASSWORD } from '../peers/mail-server.ts';
import { StoaServer } from '../peers/stoa.ts';
import { server } from '../support/needs.ts';

const CLIENTS = 20;
/** Logins of a round that need a hash, each of an account that the server has not seen since its start. */
const HASHED = { quick: 100, whole: 300 };
/** A client beside the logins asks this often, in milliseconds. */
const EVERY = 5;

interface Logins {
  rate: number;
  /** Milliseconds. */
  p99: number;
  /** Of the commands of a client that is logged in meanwhile, in milliseconds. */
  others: number;
}

const LOGOUT = imapCommand('LOGOUT');

async function logInAndOut(side: MailServer, account: number): Promise<void> {
  const client = await ImapLoad.open({ port: side.ports.imaps, tls: true });
  try {
    await client.run(imapCommand(`LOGIN ${address(account)} "${PASSWORD}"`));
    await client.run(LOGOUT);
  } finally {
    client.close();
  }
}

/** Does work while another client, logged in before, asks for something small again and again. */
async function besides(side: MailServer, work: () => Promise<{ rate: number; times: Histogram }>): Promise<Logins> {
  const client = await login(side, 0);
  try {
    await client.run(imapCommand('SELECT INBOX'));
    const times = new Histogram();
    const commands = [imapCommand('NOOP'), imapCommand('STATUS Archive (MESSAGES)')] as const;
    let over = false;
    const asking = (async () => {
      for (let n = 0; !over; n++) {
        const start = performance.now();
        await client.run(commands[n % 2] as Buffer);
        times.record((performance.now() - start) * 1000);
        await delay(EVERY);
      }
    })();
    const done = await work().finally(() => {
      over = true;
    });
    await asking;
    return { rate: done.rate, p99: done.times.percentile(0.99) / 1000, others: times.percentile(0.99) / 1000 };
  } finally {
    client.close();
  }
}

/** Logins whose password the server has seen within the minute. */
function known(side: MailServer, ms: number): Promise<Logins> {
  const clients = Array.from({ length: CLIENTS }, (_, i) => i);
  return besides(side, () => drive(clients, ms, (account) => logInAndOut(side, account)));
}

/** Logins that need the hash: each account once after a restart. */
async function hashed(side: MailServer, count: number): Promise<Logins> {
  await side.restart();
  return besides(side, async () => {
    const times = new Histogram();
    const begin = performance.now();
    await inParallel(count, CLIENTS, async (i) => {
      const start = performance.now();
      await logInAndOut(side, i + 1);
      times.record((performance.now() - start) * 1000);
    });
    return { rate: (count * 1000) / (performance.now() - begin), times };
  });
}

function rows(name: string, a: readonly Logins[], b: readonly Logins[]): Row[] {
  const of = (key: keyof Logins) => ({
    value: figure(a.map((each) => each[key])),
    peer: 'Dovecot',
    peerValue: figure(b.map((each) => each[key])),
  });
  return [
    row({ name, unit: 'login/s', better: 'higher', ...of('rate') }),
    row({ name: `${name}, p99`, unit: 'ms', better: 'lower', ...of('p99') }),
    row({ name: `${name}, p99 of another client's commands meanwhile`, unit: 'ms', better: 'lower', ...of('others') }),
  ];
}

async function* run(context: BenchContext): AsyncGenerator<Row> {
  const { quick, signal } = context;
  const count = quick ? HASHED.quick : HASHED.whole;
  const accounts = count + 1;
  const hashing = await context.use(Dovecot.start({ accounts, scheme: 'argon2id' }));
  // It hashes at every login, also for an account that it remembers: it does so quickest with a password as it is.
  const knowing = await context.use(Dovecot.start({ accounts: CLIENTS }));
  const stoa = await context.use(StoaServer.start({ accounts }));
  const rounds = quick ? 2 : 3;
  context.progress(`${count} passwords to hash`);
  const first = await alternate(
    () => hashed(stoa, count),
    () => hashed(hashing, count),
    { rounds, signal },
  );
  yield* rows('new connection, TLS, password hashed (argon2id)', first.a, first.b);
  context.progress('passwords that are known');
  const ms = quick ? 1500 : 4000;
  await alternate(
    () => known(stoa, ms / 2),
    () => known(knowing, ms / 2),
    { rounds: 1, signal },
  );
  const again = await alternate(
    () => known(stoa, ms),
    () => known(knowing, ms),
    { rounds, signal },
  );
  yield* rows('new connection, TLS, password known (Dovecot: kept in the clear)', again.a, again.b);
}

export default {
  name: 'logins',
  describe: 'Logins a second over TLS, and what they cost those who are logged in, beside Dovecot with the same hash',
  needs: [server('dovecot')],
  quick: false,
  run,
} satisfies Bench;
