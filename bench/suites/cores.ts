import { availableParallelism } from 'node:os';
import type { Bench, BenchContext } from '../framework/bench.ts';
import { type Row, row } from '../framework/row.ts';
import { type Figure, figure, median } from '../framework/statistics.ts';
import { number } from '../framework/table.ts';
import { accounts, type Growth, grow, mailboxes, messages } from '../mail/growth.ts';
import { type Entrance, envelopes, type Ingest, measure } from '../mail/ingest.ts';
import { fillAccounts, runSessions } from '../mail/mix.ts';
import { Dovecot } from '../peers/dovecot.ts';
import { Postfix } from '../peers/postfix.ts';
import { cpuOf } from '../peers/process-tree.ts';
import { root } from '../peers/root.ts';
import { StoaServer } from '../peers/stoa.ts';
import { exponent, kindOf, plot } from '../support/growth.ts';
import { server } from '../support/needs.ts';
import { pin, taskset } from '../support/pin.ts';

/** Accounts that clients log in to, and that mail is for. */
const CLIENTS = 20;
const ACCOUNTS = 1000;
const INGEST: Ingest = { name: '4 KiB, 20 connections', octets: 4096, connections: 20, accounts: ACCOUNTS };
/** Messages of a run of the peer: it acknowledges faster than it delivers, and the rest would be waited for. */
const MOST = 300;
/** Accounts of the growth that somebody logs in to. */
const NAMED = 4;

/** A server under a load: units of work a second, and processor time of all its processes for each, in microseconds. */
interface Run {
  rate: number;
  micros: number;
}

interface Contestant {
  pids(): number[];
  ingest(ms: number): Promise<Run>;
  mix(ms: number): Promise<Run>;
}

async function costed(pids: () => number[], work: () => Promise<{ rate: number; count: number }>): Promise<Run> {
  const before = cpuOf(pids());
  const { rate, count } = await work();
  return { rate, micros: ((cpuOf(pids()) - before) * 1000) / count };
}

function contestant(mail: StoaServer | Dovecot, entrance: Entrance, pids: () => number[]): Contestant {
  const to = envelopes(INGEST);
  return {
    pids,
    ingest: (ms) =>
      costed(pids, async () => {
        const begin = performance.now();
        const { acknowledged, delivered } = await measure(entrance, INGEST, to, ms);
        const seconds = (performance.now() - begin) / 1000;
        // What counts is what is in the mailbox: a queue says yes earlier, and works on.
        return { rate: delivered, count: Math.max(1, Math.min(acknowledged * (ms / 1000), delivered * seconds)) };
      }),
    mix: (ms) =>
      costed(pids, async () => {
        const lead = 300;
        const { rate } = await runSessions(mail, CLIENTS, ms, lead);
        return { rate, count: (rate * (ms + lead)) / 1000 };
      }),
  };
}

const WORKS = [
  { key: 'ingest', name: 'ingest 4 KiB, 20 connections', unit: 'message/s', peer: 'Postfix -> Dovecot' },
  { key: 'mix', name: 'IMAP mix, 20 clients', unit: 'command/s', peer: 'Dovecot' },
] as const;

const plural = (count: number, of: string) => `${count} ${of}${count === 1 ? '' : 's'}`;
const rates = (runs: readonly Run[]): Figure => figure(runs.map(({ rate }) => rate));
const micros = (runs: readonly Run[]): string => number(median(runs.map((run) => run.micros)));

async function* compare(context: BenchContext, counts: readonly number[]): AsyncGenerator<Row> {
  const { quick, signal } = context;
  const dovecot = await context.use(Dovecot.start({ accounts: ACCOUNTS }));
  const postfix = await context.use(Postfix.start(dovecot.ports.lmtp));
  const there: Entrance = {
    port: postfix.port,
    most: () => (quick ? MOST / 4 : MOST),
    settled: () => postfix.drained(),
  };
  const peer = contestant(dovecot, there, () => [...dovecot.pids(), ...postfix.pids()]);
  await dovecot.restartWith('never');
  await fillAccounts(dovecot, CLIENTS);
  await dovecot.restartWith('always');
  const stoas = new Map<number, Contestant>();
  for (const workers of counts) {
    context.progress(`Stoa with ${workers} workers`);
    const shape = workers === 1 ? 'all-in-one' : 'workers';
    const stoa = await context.use(StoaServer.start({ accounts: CLIENTS, shape }));
    await stoa.addAccounts(CLIENTS, ACCOUNTS, false);
    await fillAccounts(stoa, CLIENTS);
    const here: Entrance = { port: stoa.ports.smtp, most: () => Number.POSITIVE_INFINITY, settled: async () => {} };
    stoas.set(
      workers,
      contestant(stoa, here, () => stoa.pids()),
    );
  }
  const [ms, rounds] = quick ? [700, 1] : [2500, 3];
  const best = new Map<string, Figure>();
  for (const cores of counts) {
    const list = Array.from({ length: cores }, (_, i) => i);
    for (const each of [peer, ...stoas.values()]) pin(each.pids(), list);
    for (const { key, name, unit, peer: peerName } of WORKS) {
      const sides = [peer, ...stoas.values()];
      const runs = sides.map((): Run[] => []);
      // All in turn, so that what changes on the machine meets each; the first round warms up.
      for (let round = 0; round <= rounds; round++) {
        context.progress(`${name}, ${plural(cores, 'core')}, round ${round}`);
        for (const [i, side] of sides.entries()) {
          signal.throwIfAborted();
          const run = await side[key](round === 0 ? ms / 2 : ms);
          if (round > 0) (runs[i] as Run[]).push(run);
        }
      }
      const [theirs = [], ...ours] = runs;
      for (const [i, workers] of [...stoas.keys()].entries()) {
        const own = ours[i] as Run[];
        best.set(`${key} ${cores} ${workers}`, rates(own));
        yield row({
          name: `${name}, ${plural(cores, 'core')}, ${plural(workers, 'worker')}`,
          unit,
          better: 'higher',
          value: rates(own),
          peer: peerName,
          peerValue: rates(theirs),
          note: `${micros(own)} us of processor time each, peer ${micros(theirs)} us`,
        });
      }
    }
  }
  const most = counts.at(-1) as number;
  for (const { key, name, unit } of WORKS)
    yield row({
      name: `${name}: ${most} cores with ${most} workers, beside 1 core with 1`,
      unit,
      better: 'higher',
      value: best.get(`${key} ${most} ${most}`),
      peer: 'Stoa, 1 core',
      peerValue: best.get(`${key} 1 1`),
      ...(availableParallelism() <= most && { note: `the load runs on the same ${most} cores` }),
    });
}

async function* growthOf(context: BenchContext, growth: Growth): AsyncGenerator<Row> {
  const measured = await grow(growth, context.quick ? 10 : 60, context.progress);
  const shared = { unit: 'ms', better: 'lower' } as const;
  for (const [work, costs] of measured)
    for (const { size, ms, micros } of costs)
      yield row({
        ...shared,
        name: `${work}, ${number(size)} ${growth.of}`,
        value: ms,
        note: `${number(micros)} us of processor time`,
      });
  // What others do on the machine changes the time that passes, and hardly the time that is used.
  const series = new Map(
    [...measured].map(([work, costs]) => [work, costs.map(({ size, micros }) => ({ size, cost: micros }))]),
  );
  const powers = [...series].map(([work, points]) => [work, exponent(points) ?? 0] as const);
  const steepest = powers.reduce((a, b) => (b[1] > a[1] ? b : a));
  yield row({
    name: `growth with ${growth.of}: power of the size, ${steepest[0]}`,
    unit: kindOf(steepest[1]),
    better: 'lower',
    value: steepest[1],
    note: `processor time\n${plot(series, 'us')}\n`,
  });
}

async function* run(context: BenchContext): AsyncGenerator<Row> {
  const { quick } = context;
  const counts = availableParallelism() >= 2 ? [1, 2] : [1];
  const lacking = (
    await Promise.all([taskset, server('dovecot'), server('postfix'), root].map((need) => need.missing()))
  ).filter((what) => what !== undefined);
  if (lacking.length === 0) yield* compare(context, counts);
  else
    yield row({ name: 'cores, beside Postfix and Dovecot', unit: '', better: 'higher', missing: lacking.join('; ') });
  const stoa = await context.use(StoaServer.start({ accounts: NAMED }));
  yield* growthOf(context, messages(stoa, quick ? [1_000, 10_000] : [1_000, 10_000, 100_000]));
  yield* growthOf(context, mailboxes(stoa, quick ? [10, 100] : [10, 100, 1_000]));
  yield* growthOf(context, accounts(stoa, quick ? [10, 1_000] : [10, 1_000, 10_000], NAMED));
}

export default {
  name: 'cores',
  describe:
    'What one and two cores give with one and two workers, and how cost grows with messages, mailboxes and accounts',
  quick: false,
  run,
} satisfies Bench;
