import { setTimeout as delay } from 'node:timers/promises';
import type { Bench, BenchContext } from '../framework/bench.ts';
import { type Row, row } from '../framework/row.ts';
import { figure } from '../framework/statistics.ts';
import { inParallel } from '../load/drive.ts';
import { ImapLoad, imapCommand } from '../load/imap.ts';
import { appendCommand } from '../mail/fill.ts';
import { Dovecot } from '../peers/dovecot.ts';
import { address, type MailServer, PASSWORD } from '../peers/mail-server.ts';
import { cpuOf, memoryOf } from '../peers/process-tree.ts';
import { StoaDemo } from '../peers/stoa-demo.ts';
import { server } from '../support/needs.ts';

/** Accounts whose INBOX the sessions watch, in turn. */
const ACCOUNTS = 100;
/** Sessions that are opened before memory is read for the first time: caches and code are in place then. */
const WARM_UP = 100;
/** Dovecot has a process for each session: its memory grows in a straight line, and ten thousand would take all there is. */
const DOVECOT_SESSIONS = 300;
/** Sessions that Dovecot has inotify for by default (fs.inotify.max_user_instances is 128); others it wakes every half minute. */
const WATCHED = 100;
const OPENED_AT_ONCE = 16;
/** Longest time for opening sessions; with fewer of them the row says so. */
const OPENING_MS = 60_000;

interface Idling {
  sessions: number;
  /** KB of 1000 octets, of each session. */
  memory: number;
  /** Part of one core, in percent, that all sessions take together. */
  cpu: number;
}

async function open(side: MailServer, tls: boolean, account: number): Promise<ImapLoad> {
  const port = tls ? side.ports.imaps : (side.ports.imap as number);
  const client = await ImapLoad.login({ port, tls }, address(account), PASSWORD);
  await client.run(imapCommand('SELECT INBOX'));
  return client;
}

/** Opens sessions that watch their INBOX, until there are so many or the time is over. */
async function idlers(side: MailServer, tls: boolean, count: number, into: ImapLoad[]): Promise<void> {
  const deadline = performance.now() + OPENING_MS;
  await inParallel(count, OPENED_AT_ONCE, async (i) => {
    if (performance.now() > deadline) return;
    const client = await open(side, tls, i % ACCOUNTS);
    into.push(client);
    await client.idle();
  });
}

/** The least memory of some seconds: what was garbage has had time to go. */
async function settledMemory(side: MailServer): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 6; i++) {
    await delay(500);
    least = Math.min(least, memoryOf(side.pids()));
  }
  return least;
}

async function measure(side: MailServer, tls: boolean, sessions: number): Promise<Idling> {
  const clients: ImapLoad[] = [];
  try {
    await idlers(side, tls, WARM_UP, clients);
    const before = await settledMemory(side);
    const has = clients.length;
    await idlers(side, tls, sessions - WARM_UP, clients);
    const after = await settledMemory(side);
    const opened = clients.length - has;
    const pids = side.pids();
    const [cpu, start] = [cpuOf(pids), performance.now()];
    await delay(3000);
    const busy = (cpuOf(pids) - cpu) / (performance.now() - start);
    return { sessions: clients.length, memory: (after - before) / opened / 1000, cpu: busy * 100 };
  } finally {
    for (const client of clients) client.close();
  }
}

async function* memory(context: BenchContext, stoa: MailServer, dovecot: MailServer): AsyncGenerator<Row> {
  const wanted = context.quick ? 500 : 10_000;
  for (const [kind, mark] of [
    ['plain', 30],
    ['TLS', 70],
  ] as const) {
    context.progress(`${wanted} sessions, ${kind}`);
    const here = await measure(stoa, kind === 'TLS', wanted);
    context.signal.throwIfAborted();
    const there = await measure(dovecot, kind === 'TLS', DOVECOT_SESSIONS);
    const counts = `${here.sessions} sessions; Dovecot ${there.sessions}`;
    yield row({
      name: `memory of an idle session, ${kind}`,
      unit: 'KB',
      better: 'lower',
      value: here.memory,
      peer: 'Dovecot',
      peerValue: there.memory,
      mark: { value: mark },
      note: counts,
    });
    yield row({
      name: `processor while idle, ${kind}`,
      unit: '% of a core',
      better: 'lower',
      value: here.cpu,
      peer: 'Dovecot',
      peerValue: there.cpu,
      note: counts,
    });
    // Sessions that ended are cleaned up before others are counted.
    await Promise.all([stoa.restart(), dovecot.restart()]);
  }
}

/** Milliseconds from sending an APPEND until each of the sessions was told. */
async function spread(side: MailServer, count: number, rounds: number): Promise<number[]> {
  const clients: ImapLoad[] = [];
  let current = 0;
  let told = 0;
  let done: (() => void) | undefined;
  try {
    await inParallel(count, OPENED_AT_ONCE, async () => {
      const client = await open(side, false, 0);
      clients.push(client);
      let round = -1;
      await client.idle((octets) => {
        if (octets.indexOf('EXISTS') < 0 || round === current) return;
        round = current;
        told += 1;
        if (told === count) done?.();
      });
    });
    const writer = await open(side, false, 0);
    clients.push(writer);
    const times: number[] = [];
    for (let n = 0; n < rounds; n++) {
      told = 0;
      current += 1;
      const all = new Promise<void>((resolve) => {
        done = resolve;
      });
      const late = AbortSignal.timeout(45_000);
      const start = performance.now();
      await writer.run(appendCommand('INBOX', n, 1024));
      const timeout = new Promise<never>((_, reject) => {
        late.addEventListener('abort', () => reject(new Error(`${told} of ${count} sessions were told in 45 s`)));
      });
      await Promise.race([all, timeout]);
      times.push(performance.now() - start);
      // A change of its own: servers join what comes close together.
      await delay(1500);
    }
    return times;
  } finally {
    for (const client of clients) client.close();
  }
}

async function* notices(context: BenchContext, stoa: MailServer, dovecot: MailServer): AsyncGenerator<Row> {
  for (const sessions of context.quick ? [WATCHED] : [WATCHED, 1000]) {
    context.progress(`one change to ${sessions} sessions`);
    const here = await spread(stoa, sessions, 3);
    let there: number[] | undefined;
    let missing: string | undefined;
    try {
      there = await spread(dovecot, sessions, sessions > WATCHED ? 1 : 3);
    } catch (error) {
      missing = `Dovecot: ${(error as Error).message}`;
    }
    yield row({
      name: `one change reaches ${sessions} sessions`,
      unit: 'ms',
      better: 'lower',
      value: figure(here),
      peer: 'Dovecot',
      peerValue: there && figure(there),
      ...(missing === undefined ? {} : { missing }),
    });
  }
}

async function* run(context: BenchContext): AsyncGenerator<Row> {
  const dovecot = await context.use(Dovecot.start({ accounts: ACCOUNTS }));
  const stoa = await context.use(StoaDemo.start({ accounts: ACCOUNTS }));
  yield* memory(context, stoa, dovecot);
  yield* notices(context, stoa, dovecot);
}

export default {
  name: 'idle',
  describe: 'Memory and processor of sessions in IDLE, and the time for one change to reach all of them',
  needs: [server('dovecot')],
  run,
} satisfies Bench;
