import { setTimeout as delay } from 'node:timers/promises';
import { storage } from '@stoa/contracts';
import { TOPIC } from '@stoa/plugin-sdk';
import { clusterClient } from '../../e2e/support/cluster-client.ts';
import { addressesOf, type BusName, startBackends, storesToml } from '../../tools/cluster/backends.ts';
import { freeNodes, LocalCluster, SERVICES } from '../../tools/cluster/local-cluster.ts';
import type { Bench, BenchContext } from '../framework/bench.ts';
import { type Row, row } from '../framework/row.ts';
import { alternate, figure, percentile } from '../framework/statistics.ts';
import { openDriver } from '../support/drivers.ts';
import { ImapClient } from '../support/imap-client.ts';
import { newMessage } from '../support/message.ts';
import { server } from '../support/needs.ts';
import { watchCpu } from '../support/process-cpu.ts';
import { SmtpClient } from '../support/smtp-client.ts';

const USER = 'alice@example.test';
const PASSWORD = 'a good password';
const OCTETS = 2048;
/** Between two notices: what is measured is how long one takes, not how many there may be. */
const PAUSE_MS = 15;
/** Notices of each kind, without pauses. */
const WARM_UP = 500;
const LATEST_MS = 10_000;
const MARK_MS = 10;
/** Octets of an envelope with a mailbox's change. */
const NOTICE_OCTETS = 200;

/** Waits for something that happens once for each turn, and says when (milliseconds). */
class Arrivals {
  #times: number[] = [];
  #wake: (() => void) | undefined;

  readonly note = (): void => {
    this.#times.push(performance.now());
    this.#wake?.();
  };

  async next(): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const late = setTimeout(() => reject(new Error(`no notice within ${LATEST_MS} ms`)), LATEST_MS);
    if (this.#times.length === 0) await promise.finally(() => clearTimeout(late));
    clearTimeout(late);
    this.#wake = undefined;
    return this.#times.shift() as number;
  }
}

/** Milliseconds from the moment that `act` resolved to the arrival; below zero where the notice was faster than the answer. */
async function latencies(
  context: BenchContext,
  arrivals: Arrivals,
  count: number,
  act: () => Promise<unknown>,
  pauseMs = PAUSE_MS,
): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    context.signal.throwIfAborted();
    await act();
    const done = performance.now();
    times.push((await arrivals.next()) - done);
    await delay(pauseMs);
  }
  return times;
}

interface Cluster {
  readonly told: Arrivals;
  /** Processes by "node/service". */
  readonly pids: ReadonlyMap<string, number>;
  append(): Promise<unknown>;
  deliver(): Promise<unknown>;
  /** One message over the bus alone, from one connection to another; resolves to its milliseconds. */
  bus(): Promise<number>;
}

async function startCluster(context: BenchContext, bus: BusName): Promise<Cluster> {
  context.progress(`starting a cluster of three nodes on ${bus}`);
  const backends = await context.use(startBackends({ bus, jaeger: false }));
  const cluster = LocalCluster.prepare({
    folder: context.folder('cluster'),
    nodes: await freeNodes(3),
    toml: storesToml(addressesOf(backends)),
  });
  context.onEnd(() => cluster.stop());
  await cluster.startAll();
  const [a, , c] = cluster.nodes;
  if (a === undefined || c === undefined) throw new Error('the cluster has fewer than three nodes');
  {
    await using directory = clusterClient(cluster, storage.DirectoryServiceDefinition);
    await directory.client.createDomain({ name: 'example.test' });
    await directory.client.createAccount({ address: USER, password: PASSWORD });
  }
  const login = async (node: typeof a) => {
    const { host, listeners } = node;
    const client = await ImapClient.login({ host, port: listeners.imaps, user: USER, password: PASSWORD });
    context.onEnd(() => client.close());
    return client;
  };
  const idler = await login(c);
  await idler.command('SELECT INBOX');
  const told = new Arrivals();
  await idler.idle((line) => {
    if (line.endsWith(' EXISTS')) told.note();
  });
  const writer = await login(a);
  const smtp = await SmtpClient.open(a.listeners.smtp, a.host);
  context.onEnd(() => smtp.close());

  const config = backends.nats === undefined ? { url: backends.redis.url } : { servers: [backends.nats.url] };
  const [from, to] = [await openDriver('bus', bus, config), await openDriver('bus', bus, config)];
  const heard = new Arrivals();
  await to.subscribe(`${TOPIC}.bench`, { message: heard.note, gap: () => {}, connected: () => {} });
  context.onEnd(async () => {
    await from.close();
    await to.close();
  });
  const payload = new Uint8Array(NOTICE_OCTETS).fill(7);
  return {
    told,
    pids: new Map(
      cluster.nodes.flatMap(({ id }) => SERVICES.map((name) => [`${id}/${name}`, cluster.process(id, name).pid])),
    ),
    append: () => writer.append('INBOX', newMessage(OCTETS)),
    deliver: () => smtp.deliver(USER, newMessage(OCTETS)),
    async bus() {
      const begin = performance.now();
      const sent = from.publish(`${TOPIC}.bench`, payload);
      const at = await heard.next();
      await sent;
      return at - begin;
    },
  };
}

/** "smtp 310, imap 900": microseconds of one notice in all processes of a service, on all nodes together. */
function describeCpu(spentMs: ReadonlyMap<string, number>, notices: number): string {
  const us = (service: string) =>
    [...spentMs].reduce((sum, [name, ms]) => (name.endsWith(`/${service}`) ? sum + (ms * 1000) / notices : sum), 0);
  return SERVICES.map((service) => `${service} ${Math.round(us(service))}`).join(', ');
}

async function* measure(context: BenchContext, bus: BusName): AsyncGenerator<Row> {
  const cluster = await startCluster(context, bus);
  const count = context.quick ? 150 : 300;
  const bare = async () => {
    const times: number[] = [];
    for (let i = 0; i < count; i++) {
      context.signal.throwIfAborted();
      times.push(await cluster.bus());
      await delay(PAUSE_MS);
    }
    return times;
  };
  // All processes on the way of a notice have run each of its steps often enough to be compiled.
  context.progress(`${bus}: warming up`);
  for (const act of [cluster.append, cluster.deliver]) await latencies(context, cluster.told, WARM_UP, act, 0);
  const ways = { 'the OK of APPEND': cluster.append, 'the 250 of SMTP': cluster.deliver };
  for (const [name, act] of Object.entries(ways)) {
    context.progress(`${bus}: from ${name} on node A to EXISTS on node C`);
    const spent: string[] = [];
    const noticed = async () => {
      const cpu = watchCpu(cluster.pids);
      const times = await latencies(context, cluster.told, count, act);
      spent.push(describeCpu(cpu(), count));
      return times;
    };
    const { a, b } = await alternate(noticed, bare, { rounds: context.rounds, signal: context.signal });
    for (const [percent, share] of [
      ['p50', 0.5],
      ['p99', 0.99],
    ] as const) {
      yield row({
        name: `${bus}, ${percent} from ${name} on A to EXISTS on C`,
        unit: 'ms',
        better: 'lower',
        value: figure(a.map((times) => percentile(times, share))),
        peer: `bare ${bus}`,
        peerValue: figure(b.map((times) => percentile(times, share))),
        ...(percent === 'p99' && { mark: { difference: MARK_MS } }),
        ...(percent === 'p50' && {
          note: `us of processor time for each, the change and its notice, on three nodes: ${spent.at(-1)}`,
        }),
      });
    }
  }
}

const BUSES: readonly BusName[] = ['nats', 'redis'];

function benchOf(bus: BusName): Bench {
  return {
    name: `notice-${bus}`,
    describe: `From the commit on one node to EXISTS on another, three nodes on ${bus}, beside the bare bus`,
    needs: [server('postgres'), server('redis'), server('s3'), ...(bus === 'nats' ? [server('nats')] : [])],
    quick: false,
    run: (context) => measure(context, bus),
  };
}

export default BUSES.map(benchOf);
