import { given, startPostgres } from '@stoa/test-servers';
import type { Bench, BenchContext } from '../framework/bench.ts';
import { type Row, row } from '../framework/row.ts';
import { alternate, figure, median } from '../framework/statistics.ts';
import { DeliveryTarget } from '../support/deliveries.ts';
import { openDriver, openInline } from '../support/drivers.ts';
import { server } from '../support/needs.ts';

const OCTETS = 4096;
const WRITERS = [1, 20, 100] as const;
const MARK = 0.5;

/** A store-router on the embedded store, and one on PostgreSQL: bodies of this size lie in the data store of each. */
async function targets(context: BenchContext): Promise<{ embedded: DeliveryTarget; postgres: DeliveryTarget }> {
  const folder = context.folder('stores');
  const postgres = await context.use(startPostgres());
  if (given('postgres') === undefined && postgres.sql('SHOW fsync') !== 'on')
    throw new Error('PostgreSQL is not durable');
  const outer = await context.use(openDriver('blob', 'fs', {}, { folder }));
  const lmdb = await context.use(openDriver('data', 'lmdb', {}, { folder }));
  const sql = await context.use(openDriver('data', 'postgres', { url: postgres.url }));
  return {
    embedded: await DeliveryTarget.create(lmdb, await openInline(lmdb, outer, '64 KiB')),
    postgres: await DeliveryTarget.create(sql, await openInline(sql, outer, '64 KiB')),
  };
}

async function* run(context: BenchContext): AsyncGenerator<Row> {
  const { embedded, postgres } = await targets(context);
  const { rounds, runMs, signal } = context;
  for (const writers of WRITERS) {
    const measure = (target: DeliveryTarget, ms = runMs) => target.measure(writers, ms, () => OCTETS);
    context.progress(`${writers} writers`);
    await alternate(
      () => measure(embedded, runMs / 4),
      () => measure(postgres, runMs / 4),
      { rounds: 1, signal },
    );
    const { a, b } = await alternate(
      () => measure(postgres),
      () => measure(embedded),
      { rounds, signal },
    );
    const p99 = (rates: typeof a) => `${median(rates.map((each) => each.p99)).toFixed(1)} ms`;
    yield row({
      name: `deliveries of 4 KiB, PostgreSQL, ${writers} at once`,
      unit: '/s',
      better: 'higher',
      value: figure(a.map(({ rate }) => rate)),
      peer: 'LMDB',
      peerValue: figure(b.map(({ rate }) => rate)),
      mark: { ratio: MARK },
      note: `p99 ${p99(a)} on PostgreSQL, ${p99(b)} on LMDB`,
    });
  }
}

export default {
  name: 'stores',
  describe: 'Durable deliveries a second on PostgreSQL beside the embedded store, store-router in this process',
  needs: [server('postgres')],
  quick: false,
  run,
} satisfies Bench;
