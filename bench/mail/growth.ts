import { performance } from 'node:perf_hooks';
import { median } from '../framework/statistics.ts';
import { type ImapLoad, imapCommand } from '../load/imap.ts';
import { envelope, SmtpLoad } from '../load/smtp.ts';
import { address } from '../peers/mail-server.ts';
import { runTimeOf } from '../peers/process-tree.ts';
import type { StoaServer } from '../peers/stoa.ts';
import { Template } from './corpus.ts';
import { fill, login, multiply } from './fill.ts';
import { execute, timed } from './side.ts';

const OCTETS = 4096;

/** A kind of thing that there is more and more of, and what the same works cost meanwhile, by the name of the work. */
export interface Growth {
  readonly of: string;
  readonly sizes: readonly number[];
  /** Brings the server to this size, and measures. Sizes come in ascending order. */
  at(size: number, rounds: number): Promise<ReadonlyMap<string, Cost>>;
}

/** What one run of a work costs: milliseconds that pass, and processor time of the server in microseconds. */
export interface Cost {
  readonly ms: number;
  readonly micros: number;
}

/** Rounds before those that count. */
const WARM = 3;

/** Median of the time of some runs, and their mean of processor time. */
async function typical(server: StoaServer, rounds: number, run: (round: number) => Promise<number>): Promise<Cost> {
  for (let round = 0; round < WARM; round++) await run(round);
  const times: number[] = [];
  const before = runTimeOf(server.pids());
  for (let round = WARM; round < WARM + rounds; round++) times.push(await run(round));
  return { ms: median(times), micros: (runTimeOf(server.pids()) - before) / rounds };
}

async function deliver(client: SmtpLoad, template: Template, account: number): Promise<number> {
  const start = performance.now();
  await client.deliver(envelope([address(account)]), template.next());
  return performance.now() - start;
}

async function withClients<T>(
  server: StoaServer,
  account: number,
  work: (imap: ImapLoad, smtp: SmtpLoad) => Promise<T>,
): Promise<T> {
  const imap = await login(server, account);
  try {
    const smtp = await SmtpLoad.open({ port: server.ports.smtp });
    try {
      return await work(imap, smtp);
    } finally {
      smtp.close();
    }
  } finally {
    imap.close();
  }
}

/** Messages in the INBOX of account 0. */
export function messages(server: StoaServer, sizes: readonly number[]): Growth {
  const template = new Template(OCTETS);
  const first = sizes[0] as number;
  let have = 0;
  return {
    of: 'messages in a mailbox',
    sizes,
    async at(size, rounds) {
      if (have === 0) await fill(server, { account: 0, count: first });
      else await multiply(server, { have, from: first, to: size });
      have = size;
      return withClients(server, 0, async (imap, smtp) => {
        const found = new Map<string, Cost>();
        found.set(
          'SELECT',
          await typical(server, rounds, async () => {
            const ms = await timed(imap, 'SELECT INBOX');
            await execute(imap, 'UNSELECT');
            return ms;
          }),
        );
        await execute(imap, 'SELECT INBOX');
        found.set(
          'STORE of one message',
          await typical(server, rounds, (round) =>
            timed(imap, `STORE ${1 + ((round * 7919) % size)} ${round % 2 === 0 ? '+' : '-'}FLAGS (\\Flagged)`),
          ),
        );
        found.set('delivery of one message', await typical(server, rounds, () => deliver(smtp, template, 0)));
        have += rounds + WARM;
        return found;
      });
    },
  };
}

/** Mailboxes of account 1. */
export function mailboxes(server: StoaServer, sizes: readonly number[]): Growth {
  let have = 0;
  return {
    of: 'mailboxes of an account',
    sizes,
    async at(size, rounds) {
      return withClients(server, 1, async (imap) => {
        for (; have < size; have++) await imap.run(imapCommand(`CREATE Folder${have}`));
        const found = new Map<string, Cost>();
        found.set('LIST of all', await typical(server, rounds, () => timed(imap, 'LIST "" *')));
        found.set('LIST of one', await typical(server, rounds, () => timed(imap, `LIST "" Folder${size - 1}`)));
        found.set(
          'STATUS of one',
          await typical(server, rounds, (round) =>
            timed(imap, `STATUS Folder${(round * 7) % size} (MESSAGES UIDNEXT UNSEEN)`),
          ),
        );
        return found;
      });
    },
  };
}

/** Accounts, of which the first `named` have a password. */
export function accounts(server: StoaServer, sizes: readonly number[], named: number): Growth {
  const template = new Template(OCTETS);
  let have = named;
  return {
    of: 'accounts',
    sizes,
    async at(size, rounds) {
      if (size > have) await server.addAccounts(have, size, false);
      have = Math.max(have, size);
      return withClients(server, 2, async (_, smtp) => {
        const found = new Map<string, Cost>();
        found.set(
          'login, password known',
          await typical(server, rounds, async () => {
            const start = performance.now();
            (await login(server, 2)).close();
            return performance.now() - start;
          }),
        );
        // A step that has no divisor with the sizes: another account each time.
        found.set(
          'delivery to one after the other',
          await typical(server, rounds, (round) => deliver(smtp, template, 3 + ((round * 7) % (size - 3)))),
        );
        return found;
      });
    },
  };
}

/** What each work cost at each size, in the order of the sizes. */
export async function grow(
  growth: Growth,
  rounds: number,
  progress: (line: string) => void,
): Promise<Map<string, (Cost & { size: number })[]>> {
  const series = new Map<string, (Cost & { size: number })[]>();
  for (const size of growth.sizes) {
    progress(`${size} ${growth.of}`);
    for (const [work, cost] of await growth.at(size, rounds)) {
      const points = series.get(work) ?? [];
      series.set(work, points);
      points.push({ size, ...cost });
    }
  }
  return series;
}
