import type { Bench, BenchContext } from '../framework/bench.ts';
import { type Row, row } from '../framework/row.ts';
import { alternate, figure } from '../framework/statistics.ts';
import { fill, login, multiply } from '../mail/fill.ts';
import { execute, hitsOf, Side } from '../mail/side.ts';
import { DISTINCT, type Work, works } from '../mail/works.ts';
import { Dovecot } from '../peers/dovecot.ts';
import { StoaServer } from '../peers/stoa.ts';
import { server } from '../support/needs.ts';

const MILLION = 1_000_000;
/** Messages that one COPY adds on the way to a million. */
const COPIED_AT_ONCE = 100_000;
/** Longest time that the full-text index may take to have them, for what is measured with it. */
const INDEX_MS = 90_000;
/** Longest time that making a million messages may take. */
const MILLION_MS = 90_000;

const thousands = (count: number) => count.toLocaleString('en-US').replaceAll(',', ' ');

async function* compare(context: BenchContext, count: number, stoa: Side, dovecot: Side): AsyncGenerator<Row> {
  const { signal, quick } = context;
  const rounds = quick ? 2 : 3;
  const shared = { unit: 'ms', better: 'lower', peer: 'Dovecot' } as const;
  const named = (name: string) => `${name}, ${thousands(count)} messages`;
  const selects = await alternate(
    () => stoa.select(),
    () => dovecot.select(),
    { rounds, signal },
  );
  for (const key of ['cold', 'warm'] as const)
    yield row({
      ...shared,
      name: named(`SELECT ${key}`),
      value: figure(selects.a.map((each) => each[key])),
      peerValue: figure(selects.b.map((each) => each[key])),
    });
  await stoa.connect();
  await dovecot.connect();
  for (const work of works(count)) {
    context.progress(named(work.name));
    // The first time is told apart: a server may have to read what it keeps ready afterwards.
    const first = { stoa: await work.run(stoa, 0), dovecot: await work.run(dovecot, 0) };
    const { a, b } = await alternate(
      (round) => work.run(stoa, round + 1),
      (round) => work.run(dovecot, round + 1),
      { rounds, signal },
    );
    const wrong = await wrongHits(work, [stoa, dovecot]);
    yield row({
      ...shared,
      name: named(work.name),
      value: wrong.some((each) => each.startsWith('Stoa')) ? undefined : figure(a),
      peerValue: wrong.some((each) => each.startsWith('Dovecot')) ? undefined : figure(b),
      ...(work.mark && { mark: work.mark }),
      ...(wrong.length > 0 && { missing: wrong.join('; ') }),
      note: `the first time ${first.stoa.toFixed(1)} ms, Dovecot ${first.dovecot.toFixed(1)} ms`,
    });
    if (work.beside === 'warm')
      yield row({
        ...shared,
        name: named(`${work.name}, first time`),
        value: first.stoa,
        peer: 'Dovecot, warm',
        peerValue: figure(b),
        mark: { ratio: 1 },
      });
  }
  stoa.disconnect();
  dovecot.disconnect();
}

/** Servers whose answer to a search is not what the corpus has. */
async function wrongHits({ search }: Work, sides: readonly Side[]): Promise<string[]> {
  if (search === undefined) return [];
  const wrong: string[] = [];
  for (const { server, client } of sides) {
    const hits = await hitsOf(client, search.command);
    if (hits !== search.hits) wrong.push(`${server.name} finds ${hits} of ${search.hits}`);
  }
  return wrong;
}

/** Searches find the same while the index lags behind the mail; then it is waited for, so that it takes no time from what follows. */
async function* indexing(context: BenchContext, stoa: StoaServer, added: number, count: number): AsyncGenerator<Row> {
  const start = performance.now();
  const side = new Side(stoa);
  await side.connect();
  const wrong: string[] = [];
  for (const work of works(count)) wrong.push(...(await wrongHits(work, [side])));
  side.disconnect();
  const done = await stoa.indexed(0, INDEX_MS);
  const seconds = (performance.now() - start) / 1000;
  context.progress(`the index ${done ? 'has' : 'still has not'} all messages ${seconds.toFixed(1)} s later`);
  yield row({
    name: `full-text index, ${thousands(added)} more messages, after they were stored`,
    unit: 's',
    better: 'lower',
    value: done && wrong.length === 0 ? seconds : undefined,
    ...((!done || wrong.length > 0) && {
      missing: [...(done ? [] : [`not indexed after ${INDEX_MS / 1000} s`]), ...wrong].join('; '),
    }),
  });
}

async function grow(context: BenchContext, sides: readonly Side[], from: number, to: number): Promise<void> {
  for (const { server } of sides) {
    context.signal.throwIfAborted();
    const start = performance.now();
    if (from === 0) await fill(server, { count: to });
    else await multiply(server, { have: from, from: DISTINCT, to });
    const seconds = (performance.now() - start) / 1000;
    context.progress(`${server.name}: ${from} to ${to} messages in ${seconds.toFixed(1)} s`);
  }
}

/** A million are made on Stoa alone, by copies; Dovecot would link a million files. */
async function* million(context: BenchContext, stoa: Side, have: number): AsyncGenerator<Row> {
  const start = performance.now();
  let count = have;
  const client = await login(stoa.server, 0);
  try {
    await execute(client, 'SELECT INBOX');
    while (count < MILLION && performance.now() - start < MILLION_MS) {
      context.signal.throwIfAborted();
      const more = Math.min(COPIED_AT_ONCE, MILLION - count);
      await execute(client, `COPY 1:${more} INBOX`);
      count += more;
      context.progress(`${thousands(count)} messages`);
    }
  } finally {
    client.close();
  }
  const { cold, warm } = await stoa.select();
  const shared = { unit: 'ms', better: 'lower' } as const;
  if (count < MILLION)
    yield row({
      ...shared,
      name: 'SELECT cold, 1 000 000 messages',
      mark: { value: 100 },
      missing: `making them took longer than ${MILLION_MS / 1000} s`,
    });
  const name = `${thousands(count)} messages`;
  const mark = count < MILLION ? {} : { mark: { value: 100 } };
  yield row({ ...shared, name: `SELECT cold, ${name}`, value: cold, ...mark });
  yield row({ ...shared, name: `SELECT warm, ${name}`, value: warm });
}

async function* run(context: BenchContext): AsyncGenerator<Row> {
  const dovecot = await context.use(Dovecot.start({ accounts: 1 }));
  const stoa = await context.use(StoaServer.start({ accounts: 1 }));
  const sides = [new Side(stoa), new Side(dovecot)] as const;
  context.onEnd(() => {
    for (const side of sides) side.disconnect();
  });
  let have = 0;
  for (const count of context.quick ? [DISTINCT] : [DISTINCT, 10 * DISTINCT]) {
    await dovecot.restartWith('never');
    await grow(context, sides, have, count);
    await dovecot.restartWith('always');
    const added = count - have;
    have = count;
    yield* indexing(context, stoa, added, count);
    yield* compare(context, count, ...sides);
  }
  if (!context.quick) yield* million(context, sides[0], have);
}

export default {
  name: 'huge-mailbox',
  describe: 'Commands on mailboxes of ten thousand to a million messages, beside Dovecot',
  needs: [server('dovecot')],
  run,
} satisfies Bench;
