import type { Bench, BenchContext } from '../framework/bench.ts';
import { type Row, row } from '../framework/row.ts';
import { alternate, figure } from '../framework/statistics.ts';
import { fillAccounts, MESSAGES, runSessions } from '../mail/mix.ts';
import { Dovecot } from '../peers/dovecot.ts';
import { StoaServer } from '../peers/stoa.ts';
import { server } from '../support/needs.ts';

const CLIENTS = [20, 200] as const;
async function* run(context: BenchContext): AsyncGenerator<Row> {
  const { quick, signal } = context;
  const accounts = Math.max(...CLIENTS);
  // Its passwords are not hashed: what is compared is mail, and it would hash at every login.
  const dovecot = await context.use(Dovecot.start({ accounts }));
  const stoa = await context.use(StoaServer.start({ accounts }));
  context.progress(`${accounts} accounts with ${MESSAGES} messages each`);
  await dovecot.restartWith('never');
  for (const side of [dovecot, stoa]) await fillAccounts(side, accounts);
  await dovecot.restartWith('always');
  const ms = quick ? 2000 : 5000;
  for (const clients of CLIENTS) {
    context.progress(`${clients} clients`);
    const lead = 500 + clients * 10;
    // Every account once at least: passwords are hashed and mailboxes opened for the first time.
    await alternate(
      () => runSessions(stoa, clients, lead, lead),
      () => runSessions(dovecot, clients, lead, lead),
      { rounds: 1, signal },
    );
    const { a, b } = await alternate(
      () => runSessions(stoa, clients, ms, lead),
      () => runSessions(dovecot, clients, ms, lead),
      { rounds: quick ? 2 : 3, signal },
    );
    const shared = { peer: 'Dovecot' };
    yield row({
      ...shared,
      name: `commands, ${clients} clients`,
      unit: 'command/s',
      better: 'higher',
      value: figure(a.map(({ rate }) => rate)),
      peerValue: figure(b.map(({ rate }) => rate)),
      mark: { ratio: 2 },
    });
    for (const [name, key, mark] of [
      ['p50', 'p50', undefined],
      ['p99', 'p99', { ratio: 1 }],
    ] as const)
      yield row({
        ...shared,
        name: `${name}, ${clients} clients`,
        unit: 'ms',
        better: 'lower',
        value: figure(a.map((mix) => mix[key])),
        peerValue: figure(b.map((mix) => mix[key])),
        ...(mark && { mark }),
      });
  }
}

export default {
  name: 'imap-mix',
  describe: 'Sessions of mail clients over TLS, from login to logout: commands a second and p99, beside Dovecot',
  needs: [server('dovecot')],
  run,
} satisfies Bench;
