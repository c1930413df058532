import { setTimeout as delay } from 'node:timers/promises';
import { given, type PostgresServer, startPostgres } from '@stoa/test-servers';
import { PASSWORD, Stoa } from '../../e2e/support/stoa.ts';
import type { Bench, BenchContext } from '../framework/bench.ts';
import { type Row, row } from '../framework/row.ts';
import { ImapClient } from '../support/imap-client.ts';
import { newMessage } from '../support/message.ts';
import { server } from '../support/needs.ts';
import { SmtpClient } from '../support/smtp-client.ts';
import { COUNTING, describeStatements, StatementCount, type Statements, sum } from '../support/statement-count.ts';

const USER = 'alice@example.test';
const TIMES = 50;
const TOGETHER = 20;
const NO_INDEXING = '[roles.schedule.fts-indexing]\nenabled = false\n';

const message = () => newMessage(4096);

/** A node on a database of its own, and clients. */
interface Node {
  imap: ImapClient;
  smtp: readonly SmtpClient[];
  stop(): Promise<void>;
}

async function startNode(context: BenchContext, postgres: PostgresServer, name: string, toml = ''): Promise<Node> {
  const url = await postgres.createDatabase(name);
  const stoa = await Stoa.start('all-in-one', { toml: `[data]\ndriver = "postgres"\nurl = "${url}"\n${toml}` });
  context.onEnd(() => stoa[Symbol.asyncDispose]());
  context.signal.throwIfAborted();
  await stoa.provision('alice');
  const imap = await ImapClient.login({ port: stoa.port('imaps'), user: USER, password: PASSWORD });
  const smtp = await Promise.all(Array.from({ length: TOGETHER }, () => SmtpClient.open(stoa.port('smtp'))));
  const stop = async () => {
    for (const client of [imap, ...smtp]) client.close();
    await stoa.stop();
  };
  return { imap, smtp, stop };
}

function counted(name: string, statements: Statements, times: number, more = ''): Row {
  const note = describeStatements(statements, times) + more;
  return row({ name, unit: 'statements', better: 'lower', value: sum(statements) / times, note });
}

type Work = (n: number) => Promise<unknown>;

/** Each is done as often as the others, beginning with number 1; number 0 is done before, uncounted. */
function commandsOf({ imap, smtp }: Node): Record<string, Work> {
  const [first] = smtp as [SmtpClient];
  return {
    'delivery over SMTP': () => first.deliver(USER, message()),
    APPEND: () => imap.append('Archive', message()),
    SELECT: (n) => imap.command(`SELECT ${n % 2 === 0 ? 'Archive' : 'INBOX'}`),
    STATUS: () => imap.command('STATUS Archive (MESSAGES UIDNEXT UNSEEN)'),
    NOOP: async (n) => {
      if (n === 0) await imap.command('SELECT INBOX');
      await imap.command('NOOP');
    },
    'FETCH 1:* (UID FLAGS)': () => imap.command('FETCH 1:* (UID FLAGS)'),
    'FETCH ENVELOPE of one message': (n) => imap.command(`FETCH ${n + 1} (ENVELOPE)`),
    'FETCH ENVELOPE of 500 messages': () => imap.command('FETCH 1:500 (ENVELOPE)'),
    'FETCH BODY.PEEK[] of one message': (n) => imap.command(`FETCH ${n + 1} (BODY.PEEK[])`),
    'STORE of one message': (n) => imap.command(`STORE ${n + 1} +FLAGS (\\Flagged)`),
    'STORE of 500 messages': (n) => imap.command(`STORE 1:500 ${n % 2 === 0 ? '+' : '-'}FLAGS (\\Seen)`),
    'COPY of one message': (n) => imap.command(`COPY ${n + 1} Archive`),
    'COPY of 500 messages': () => imap.command('COPY 1:500 Archive'),
    'UID SEARCH UNSEEN FLAGGED': () => imap.command('UID SEARCH UNSEEN FLAGGED'),
  };
}

/** Without the full-text index, so that each statement belongs to the command. */
async function* commands(context: BenchContext, postgres: PostgresServer, count: StatementCount): AsyncGenerator<Row> {
  const node = await startNode(context, postgres, 'bench_commands', NO_INDEXING);
  const idleMs = context.quick ? 3000 : 10_000;
  yield counted('a node without work, a second', await count.during(() => delay(idleMs)), idleMs / 1000);
  for (let n = 0; n < 25; n++) await Promise.all(node.smtp.map((client) => client.deliver(USER, message())));
  const together = await count.during(async () => {
    for (let n = 0; n < TIMES; n++) await Promise.all(node.smtp.map((client) => client.deliver(USER, message())));
  });
  yield counted(`delivery over SMTP, ${TOGETHER} at once`, together, TIMES * TOGETHER);
  for (const [name, work] of Object.entries(commandsOf(node))) {
    context.signal.throwIfAborted();
    await work(0);
    const statements = await count.during(async () => {
      for (let n = 1; n <= TIMES; n++) await work(n);
    });
    yield counted(name, statements, TIMES);
  }
  await node.stop();
}

/** What the full-text index costs, and saves. */
async function* indexing(context: BenchContext, postgres: PostgresServer, count: StatementCount): AsyncGenerator<Row> {
  const { imap, smtp, stop } = await startNode(context, postgres, 'bench_indexing');
  await imap.command('SELECT INBOX');
  const quiet = 5;
  /** Indexing is over when a second has no more statements than one without work. */
  const settled = async () => {
    for (let tries = 0; tries < 30; tries++) {
      const { get, scan } = await count.during(() => delay(1000));
      if (get + scan <= quiet) return;
    }
  };
  await settled();
  const times = TIMES * 4;
  let seconds = 0;
  const begin = performance.now();
  const statements = await count.during(async () => {
    for (let n = 0; n < times; n++) await smtp[0]?.deliver(USER, message());
    await delay(2000);
    seconds = (performance.now() - begin) / 1000;
  });
  yield counted('delivery over SMTP and its indexing', statements, times, `; within ${seconds.toFixed(1)} s`);
  await settled();
  const search = await count.during(async () => {
    for (let n = 0; n < TIMES; n++) await imap.command('UID SEARCH BODY nothinglikethis');
  });
  yield counted('UID SEARCH BODY, indexed, no hit', search, TIMES);
  await stop();
}

async function* run(context: BenchContext): AsyncGenerator<Row> {
  if (given('postgres') !== undefined)
    throw new Error('it needs a PostgreSQL of its own, not that of STOA_TEST_POSTGRES');
  const postgres = await context.use(startPostgres({ settings: COUNTING }));
  const count = new StatementCount(postgres);
  context.progress('commands and deliveries');
  yield* commands(context, postgres, count);
  context.progress('indexing');
  yield* indexing(context, postgres, count);
}

export default {
  name: 'statements',
  describe: 'Statements to PostgreSQL (each a round trip) for a delivery and for an IMAP command',
  needs: [server('postgres')],
  quick: false,
  run,
} satisfies Bench;
