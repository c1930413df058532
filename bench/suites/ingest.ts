import type { Bench, BenchContext } from '../framework/bench.ts';
import { type Row, row } from '../framework/row.ts';
import { alternate, figure, median } from '../framework/statistics.ts';
import { type Entrance, envelopes, type Ingest, measure, type Rates } from '../mail/ingest.ts';
import { Dovecot } from '../peers/dovecot.ts';
import { Postfix } from '../peers/postfix.ts';
import { root } from '../peers/root.ts';
import { StoaServer } from '../peers/stoa.ts';
import { server } from '../support/needs.ts';

const ACCOUNTS = 1000;
/** Messages of a run of the peer: it acknowledges faster than it delivers, and the rest would be waited for. */
const MOST = 600;

interface Case extends Ingest {
  /** Stoa's rate over the peer's. */
  mark?: number;
  /** Left out of a quick run. */
  whole?: boolean;
}

const CASES: readonly Case[] = [
  { name: '4 KiB, 20 connections, one account', octets: 4096, connections: 20, accounts: 1, mark: 5 },
  { name: '4 KiB, 20 connections, 1000 accounts', octets: 4096, connections: 20, accounts: ACCOUNTS, mark: 5 },
  { name: '4 KiB, 1 connection, one account', octets: 4096, connections: 1, accounts: 1 },
  { name: '4 KiB, 1 connection, 1000 accounts', octets: 4096, connections: 1, accounts: ACCOUNTS, whole: true },
  { name: '4 KiB, 100 connections, one account', octets: 4096, connections: 100, accounts: 1, whole: true },
  { name: '4 KiB, 100 connections, 1000 accounts', octets: 4096, connections: 100, accounts: ACCOUNTS },
  { name: '100 KiB, 20 connections, 1000 accounts', octets: 102_400, connections: 20, accounts: ACCOUNTS },
  {
    name: '4 KiB to 50 recipients, 20 connections',
    octets: 4096,
    connections: 20,
    accounts: ACCOUNTS,
    recipients: 50,
    most: 40,
  },
];

function rows(each: Case, stoa: readonly Rates[], peer: readonly Rates[]): Row[] {
  const of = (rates: readonly Rates[], key: keyof Rates) => figure(rates.map((rate) => rate[key]));
  const p99 = (rates: readonly Rates[]) => `${median(rates.map((rate) => rate.p99)).toFixed(1)} ms`;
  const shared = { unit: 'message/s', better: 'higher', ...(each.mark && { mark: { ratio: each.mark } }) } as const;
  return [
    row({
      ...shared,
      name: `acknowledged, ${each.name}`,
      value: of(stoa, 'acknowledged'),
      peer: 'Postfix -> Dovecot',
      peerValue: of(peer, 'acknowledged'),
      note: `p99 ${p99(stoa)}, peer ${p99(peer)}`,
    }),
    row({
      ...shared,
      name: `in the mailbox, ${each.name}`,
      value: of(stoa, 'delivered'),
      peer: 'Postfix -> Dovecot',
      peerValue: of(peer, 'delivered'),
    }),
  ];
}

async function* run(context: BenchContext): AsyncGenerator<Row> {
  const { quick, signal } = context;
  context.progress(`making ${ACCOUNTS} accounts`);
  const dovecot = await context.use(Dovecot.start({ accounts: ACCOUNTS }));
  const postfix = await context.use(Postfix.start(dovecot.ports.lmtp));
  const stoa = await context.use(StoaServer.start({ accounts: ACCOUNTS, withPasswords: false }));
  const here: Entrance = { port: stoa.ports.smtp, most: () => Number.POSITIVE_INFINITY, settled: async () => {} };
  const there: Entrance = {
    port: postfix.port,
    most: ({ most = MOST }) => (quick ? Math.min(most, MOST / 2) : most),
    settled: () => postfix.drained(),
  };
  const ms = quick ? 700 : 2500;
  for (const each of CASES) {
    if (quick && each.whole === true) continue;
    context.progress(each.name);
    const to = envelopes(each);
    await alternate(
      () => measure(here, each, to, ms / 2),
      () => measure(there, each, to, ms / 2),
      { rounds: 1, signal },
    );
    const { a, b } = await alternate(
      () => measure(here, each, to, ms),
      () => measure(there, each, to, ms),
      { rounds: quick ? 2 : 3, signal },
    );
    yield* rows(each, a, b);
  }
}

export default {
  name: 'ingest',
  describe: 'Messages durably acknowledged a second over SMTP, beside Postfix with Dovecot behind it',
  needs: [server('dovecot'), server('postfix'), root],
  run,
} satisfies Bench;
