import { PASSWORD, type Shape, Stoa } from '../../e2e/support/stoa.ts';
import { SERVICES, type ServiceName } from '../../tools/cluster/local-cluster.ts';
import type { Bench, BenchContext } from '../framework/bench.ts';
import { type Row, row } from '../framework/row.ts';
import { alternate, figure, median, percentile } from '../framework/statistics.ts';
import { inParallel } from '../load/drive.ts';
import { areasOf, describeAreas, profileOf } from '../support/cpu-profile.ts';
import { ImapClient } from '../support/imap-client.ts';
import { newMessage } from '../support/message.ts';
import { watchCpu } from '../support/process-cpu.ts';
import { SmtpClient } from '../support/smtp-client.ts';

const USERS = 20;
const OCTETS = 4096;
/** Users whose clients are connected at a time. */
const AT_ONCE = 5;
const addressOf = (i: number) => `user${i}@example.test`;

/** A Stoa of one shape, with clients that are connected. */
class Side {
  readonly stoa: Stoa;
  readonly smtp: readonly SmtpClient[];
  readonly imap: readonly ImapClient[];

  private constructor(stoa: Stoa, smtp: readonly SmtpClient[], imap: readonly ImapClient[]) {
    this.stoa = stoa;
    this.smtp = smtp;
    this.imap = imap;
  }

  static async start(context: BenchContext, shape: Shape, environment: Record<string, string> = {}): Promise<Side> {
    const stoa = await Stoa.start(shape, { environment });
    context.onEnd(() => stoa[Symbol.asyncDispose]());
    context.signal.throwIfAborted();
    await stoa.provision(...Array.from({ length: USERS }, (_, i) => `user${i}`));
    const smtp: SmtpClient[] = [];
    const imap: ImapClient[] = [];
    const side = new Side(stoa, smtp, imap);
    context.onEnd(() => side.disconnect());
    await inParallel(USERS, AT_ONCE, async (i) => {
      smtp[i] = await SmtpClient.open(stoa.port('smtp'));
      imap[i] = await ImapClient.login({ port: stoa.port('imaps'), user: addressOf(i), password: PASSWORD });
      for (let n = 0; n < 50; n++) await smtp[i].deliver(addressOf(i), newMessage(OCTETS));
      await imap[i].command('SELECT INBOX');
    });
    return side;
  }

  disconnect(): void {
    for (const client of [...this.smtp, ...this.imap]) client.close();
  }

  /** Processes by what runs in them. */
  get pids(): Map<string, number> {
    if (this.stoa.shape === 'all-in-one') return new Map([['all', this.stoa.pids('smtp')[0] as number]]);
    return new Map(SERVICES.map((service: ServiceName) => [service, this.stoa.pids(service)[0] as number]));
  }
}

interface Load {
  rate: number;
  /** Milliseconds. */
  p99: number;
  /** Processor time of each process for one unit of work, in microseconds. */
  cpu: Map<string, number>;
}

/** All clients at once, each works again as soon as it is answered. */
async function load<C>(
  side: Side,
  clients: readonly C[],
  ms: number,
  work: (client: C, i: number, n: number) => Promise<unknown>,
): Promise<Load> {
  const times: number[] = [];
  const cpu = watchCpu(side.pids);
  const begin = performance.now();
  await Promise.all(
    clients.map(async (client, i) => {
      for (let n = 0; performance.now() < begin + ms; n++) {
        const start = performance.now();
        await work(client, i, n);
        times.push(performance.now() - start);
      }
    }),
  );
  const seconds = (performance.now() - begin) / 1000;
  const each = new Map([...cpu()].map(([name, spent]) => [name, (spent * 1000) / times.length]));
  return { rate: times.length / seconds, p99: percentile(times, 0.99), cpu: each };
}

const deliver = (client: SmtpClient, i: number) => client.deliver(addressOf(i), newMessage(OCTETS));

/** What a mail client does with an open mailbox; the order is the same in every run. */
const MIX: readonly ((client: ImapClient, n: number) => Promise<unknown>)[] = [
  (client, n) => client.command(`FETCH ${1 + (n % 50)} (UID FLAGS ENVELOPE)`),
  (client, n) => client.command(`STORE ${1 + (n % 50)} +FLAGS (\\Seen)`),
  (client, n) => client.command(`FETCH ${1 + (n % 50)} (BODY.PEEK[])`),
  (client) => client.command('FETCH 1:50 (UID FLAGS)'),
  (client) => client.command('STATUS Archive (MESSAGES UIDNEXT UNSEEN)'),
  (client, n) => client.command(`STORE ${1 + (n % 50)} -FLAGS (\\Seen)`),
  (client) => client.command('UID SEARCH UNSEEN'),
  (client) => client.append('Archive', newMessage(OCTETS)),
  (client) => client.command('NOOP'),
];

const mix = (client: ImapClient, _: number, n: number) => (MIX[n % MIX.length] as (typeof MIX)[number])(client, n);

/** Commands of one client alone, by name. */
const COMMANDS: Readonly<Record<string, (client: ImapClient, n: number) => Promise<unknown>>> = {
  NOOP: (client) => client.command('NOOP'),
  SELECT: (client) => client.command('SELECT INBOX'),
  'FETCH 1:50 (UID FLAGS)': (client) => client.command('FETCH 1:50 (UID FLAGS)'),
  'FETCH ENVELOPE': (client, n) => client.command(`FETCH ${1 + (n % 50)} (ENVELOPE)`),
  'FETCH BODY.PEEK[]': (client, n) => client.command(`FETCH ${1 + (n % 50)} (BODY.PEEK[])`),
  STORE: (client, n) => client.command(`STORE ${1 + (n % 50)} ${n % 100 < 50 ? '+' : '-'}FLAGS (\\Flagged)`),
  COPY: (client, n) => client.command(`COPY ${1 + (n % 50)} Trash`),
  APPEND: (client) => client.append('Archive', newMessage(OCTETS)),
  'UID SEARCH UNSEEN': (client) => client.command('UID SEARCH UNSEEN'),
};

function total(cpu: ReadonlyMap<string, number>): number {
  return [...cpu.values()].reduce((sum, each) => sum + each, 0);
}

/** "smtp 210, store-router 340": medians of the processor time of each process. */
function describeCpu(loads: readonly Load[]): string {
  const names = [...(loads[0] as Load).cpu.keys()];
  const each = names.map((name) => [name, Math.round(median(loads.map(({ cpu }) => cpu.get(name) ?? 0)))] as const);
  return each.map(([name, us]) => `${name} ${us}`).join(', ');
}

function loadRows(name: string, unit: string, out: readonly Load[], one: readonly Load[]): Row[] {
  const p99 = (loads: readonly Load[]) => median(loads.map((each) => each.p99)).toFixed(1);
  return [
    row({
      name: `${name}, ${USERS} clients, scaled out`,
      unit: `${unit}/s`,
      better: 'higher',
      value: figure(out.map(({ rate }) => rate)),
      peer: 'all-in-one',
      peerValue: figure(one.map(({ rate }) => rate)),
      mark: { ratio: 0.5 },
      note: `p99 ${p99(out)} ms scaled out, ${p99(one)} ms all-in-one`,
    }),
    row({
      name: `${name}, processor time, scaled out`,
      unit: `us/${unit}`,
      better: 'lower',
      value: figure(out.map(({ cpu }) => total(cpu))),
      peer: 'all-in-one',
      peerValue: figure(one.map(({ cpu }) => total(cpu))),
      note: describeCpu(out),
    }),
  ];
}

async function* run(context: BenchContext): AsyncGenerator<Row> {
  const { rounds, runMs, signal } = context;
  context.progress('starting all-in-one');
  const one = await Side.start(context, 'all-in-one');
  context.progress('starting scaled out');
  const out = await Side.start(context, 'scaled-out');
  const both = async <T>(name: string, work: (side: Side, ms: number) => Promise<T>) => {
    context.progress(name);
    await alternate(
      () => work(out, runMs / 4),
      () => work(one, runMs / 4),
      { rounds: 1, signal },
    );
    return alternate(
      () => work(out, runMs),
      () => work(one, runMs),
      { rounds, signal },
    );
  };
  const deliveries = await both('deliveries', (side, ms) => load(side, side.smtp, ms, deliver));
  yield* loadRows('SMTP deliveries of 4 KiB', 'delivery', deliveries.a, deliveries.b);
  const commands = await both('IMAP commands', (side, ms) => load(side, side.imap, ms, mix));
  yield* loadRows('IMAP mix', 'command', commands.a, commands.b);
  for (const [name, command] of Object.entries(COMMANDS)) {
    const times = context.quick ? 100 : 300;
    const { a, b } = await both(`${name} alone`, async (side) => {
      const client = side.imap[0] as ImapClient;
      const each: number[] = [];
      for (let n = 0; n < times; n++) {
        const start = performance.now();
        await command(client, n);
        each.push(performance.now() - start);
      }
      return median(each);
    });
    yield row({
      name: `${name}, one client, scaled out`,
      unit: 'ms',
      better: 'lower',
      value: figure(a),
      peer: 'all-in-one',
      peerValue: figure(b),
    });
  }
  if (!context.quick) yield* whereTimeGoes(context);
}

/** The same loads once more on processes that are profiled: their rates count for nothing, so they are not printed. */
async function* whereTimeGoes(context: BenchContext): AsyncGenerator<Row> {
  const folder = context.folder('profiles');
  context.progress('profiling, scaled out');
  const NODE_OPTIONS = `--cpu-prof --cpu-prof-dir=${folder}`;
  const side = await Side.start(context, 'scaled-out', { NODE_OPTIONS });
  const { pids } = side;
  const now = () => Number(process.hrtime.bigint() / 1000n);
  const windows: [name: string, from: number, to: number][] = [];
  const window = async (name: string, work: () => Promise<unknown>) => {
    const from = now();
    await work();
    windows.push([name, from, now()]);
  };
  await load(side, side.smtp, context.runMs / 2, deliver);
  await window('deliveries', () => load(side, side.smtp, context.runMs, deliver));
  await load(side, side.imap, context.runMs / 2, mix);
  await window('IMAP mix', () => load(side, side.imap, context.runMs, mix));
  side.disconnect();
  await side.stoa.stop();
  for (const [name, from, to] of windows) {
    for (const service of name === 'deliveries' ? ['smtp', 'store-router'] : ['imap', 'store-router']) {
      const file = profileOf(folder, pids.get(service) as number);
      const areas = file === undefined ? [] : areasOf([file], from, to);
      const share = (...names: string[]) =>
        areas.reduce((sum, [area, part]) => sum + (names.includes(area) ? part : 0), 0);
      yield row({
        name: `share of gRPC in the time of ${service}, ${name}`,
        unit: '%',
        better: 'lower',
        value: file === undefined ? undefined : 100 * share('grpc-js', 'protobuf', 'http2'),
        note: describeAreas(areas),
      });
    }
  }
}

export default {
  name: 'boundary',
  describe: 'A process for each service with mutual TLS between them, beside all services in one process',
  run,
} satisfies Bench;
