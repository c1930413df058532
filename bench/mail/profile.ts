/**
 * Where the time of a Stoa goes under one kind of load, by the ten costliest functions of its process:
 *   node --conditions=stoa-source bench/mail/profile.ts KIND...
 * KIND is ingest, ingest-one (into one account), ingest-large (100 KiB), ingest-many (50 recipients), imap-mix, or a part of the name of
 * a command in works.ts ("ENVELOPE", "STORE"); its mailbox has ten thousand messages, or as many as `--messages` says. With
 * `--workers` two workers are profiled, and the process that started them.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cpuOf } from '../peers/process-tree.ts';
import { StoaServer } from '../peers/stoa.ts';
import { areasOf, describeAreas, profileOf } from '../support/cpu-profile.ts';
import { fill, multiply } from './fill.ts';
import { envelopes, measure } from './ingest.ts';
import { fillAccounts, runSessions } from './mix.ts';
import { Side } from './side.ts';
import { DISTINCT, works } from './works.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { messages: { type: 'string', default: String(DISTINCT) }, workers: { type: 'boolean', default: false } },
});

interface Profile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number } }[];
  startTime: number;
  samples: number[];
  timeDeltas: number[];
}

/** Time of its own of each function between two moments (microseconds of the monotonic clock), the costliest first. */
function functionsOf(file: string, from: number, to: number): { name: string; share: number }[] {
  const profile = JSON.parse(readFileSync(file, 'utf8')) as Profile;
  const names = new Map(
    profile.nodes.map(({ id, callFrame: { functionName, url, lineNumber } }) => {
      const place =
        url === ''
          ? ''
          : ` ${url.replace(/^.*\/(?=(node_modules|libs|services|drivers|apps)\/)/, '')}:${lineNumber + 1}`;
      return [id, `${functionName || '(anonymous)'}${place}`];
    }),
  );
  const spent = new Map<string, number>();
  let at = profile.startTime;
  profile.samples.forEach((node, i) => {
    const delta = profile.timeDeltas[i] as number;
    at += delta;
    if (at < from || at > to) return;
    const name = names.get(node) as string;
    spent.set(name, (spent.get(name) ?? 0) + delta);
  });
  const total = [...spent.values()].reduce((sum, us) => sum + us, 0);
  return [...spent].map(([name, us]) => ({ name, share: us / total })).sort((a, b) => b.share - a.share);
}

const print = (line: string) => void process.stdout.write(`${line}\n`);
const now = () => Number(process.hrtime.bigint() / 1000n);
const folder = mkdtempSync(join(tmpdir(), 'stoa-profile-'));

/** One load against a server that is ready for it; resolves with a line about what was done. */
type Load = () => Promise<string>;

async function prepare(kind: string, server: StoaServer): Promise<Load> {
  if (kind.startsWith('ingest')) {
    const each = {
      name: kind,
      octets: kind === 'ingest-large' ? 102_400 : 4096,
      connections: 20,
      accounts: kind === 'ingest-one' ? 1 : 1000,
      recipients: kind === 'ingest-many' ? 50 : 1,
    };
    const side = { port: server.ports.smtp, most: () => Number.POSITIVE_INFINITY, settled: async () => {} };
    const deliver = (ms: number) => measure(side, each, envelopes(each), ms);
    await deliver(3000);
    return async () => `${Math.round((await deliver(6000)).acknowledged)} messages/s`;
  }
  if (kind === 'imap-mix') {
    await fillAccounts(server, 20);
    await runSessions(server, 20, 4000, 0);
    return async () => `${Math.round((await runSessions(server, 20, 8000, 500)).rate)} commands/s`;
  }
  const count = Number(values.messages);
  const work = works(count).find(({ name }) => name.includes(kind));
  if (work === undefined)
    throw new Error(`nothing is named ${kind}; there are ${works(count).map(({ name }) => name)}`);
  await fill(server, { count: Math.min(count, DISTINCT) });
  if (count > DISTINCT) await multiply(server, { have: DISTINCT, from: DISTINCT, to: count });
  await server.indexed(0, 90_000);
  const side = new Side(server);
  await side.connect();
  return async () => {
    const times: number[] = [];
    for (let round = 0; round < 8; round++) times.push(await work.run(side, round));
    side.disconnect();
    return `${work.name}: ${times.map((ms) => ms.toFixed(1)).join(', ')} ms`;
  };
}

try {
  for (const kind of positionals) {
    const isIngest = kind.startsWith('ingest');
    const server = await StoaServer.start({
      accounts: isIngest ? 1000 : 20,
      withPasswords: !isIngest,
      profiles: folder,
      shape: values.workers ? 'workers' : 'all-in-one',
    });
    const pids = server.pids();
    try {
      const load = await prepare(kind, server);
      const from = now();
      const before = pids.map((pid) => cpuOf([pid]));
      const done = await load();
      const to = now();
      const spent = pids.map((pid, i) => cpuOf([pid]) - (before[i] as number));
      await server.stoa.stop();
      print(`\n${kind}: ${done}`);
      for (const [i, pid] of pids.entries()) {
        const file = profileOf(folder, pid) as string;
        print(
          `\nprocess ${i + 1} of ${pids.length}: ${spent[i]} ms of processor time in ${Math.round((to - from) / 1000)} ms`,
        );
        print(describeAreas(areasOf([file], from, to), 10));
        const functions = functionsOf(file, from, to);
        for (const { name, share } of functions.slice(0, 14))
          print(`${(share * 100).toFixed(1).padStart(5)}%  ${name}`);
      }
    } finally {
      await server.stop();
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit();
