import type { BlobStore } from '@stoa/plugin-sdk';
import { startS3, startToxiproxy } from '@stoa/test-servers';
import type { Bench, BenchContext } from '../framework/bench.ts';
import { type Row, row } from '../framework/row.ts';
import { alternate, figure, median } from '../framework/statistics.ts';
import { DeliveryTarget } from '../support/deliveries.ts';
import { openDriver, openInline } from '../support/drivers.ts';
import { server } from '../support/needs.ts';

const LATENCY_MS = 20;
const KIB = 1024;

/** Sizes of mail as it comes: most of it small, one in ten with something attached. */
const MIXED = [2, 3, 4, 4, 6, 8, 12, 24, 48, 300].map((kib) => kib * KIB);

const LOADS: readonly { name: string; writers: number; octets: (n: number) => number }[] = [
  { name: 'mixed sizes, 20 at once', writers: 20, octets: (n) => MIXED[n % MIXED.length] as number },
  { name: '100 KiB (all of it to S3), 20 at once', writers: 20, octets: () => 100 * KIB },
  { name: '100 KiB (all of it to S3), 100 at once', writers: 100, octets: () => 100 * KIB },
];

async function target(context: BenchContext, outer: BlobStore): Promise<DeliveryTarget> {
  const folder = context.folder('data');
  const data = await context.use(openDriver('data', 'lmdb', {}, { folder }));
  return DeliveryTarget.create(data, await openInline(data, outer, '64 KiB'));
}

async function* run(context: BenchContext): AsyncGenerator<Row> {
  const s3 = await context.use(startS3());
  const proxies = await context.use(startToxiproxy());
  const { hostname, port } = new URL(s3.endpoint);
  const line = await proxies.proxy(hostname, Number(port));
  const bucket = await context.use(
    openDriver('blob', 's3', {
      endpoint: `http://${line.host}:${line.port}`,
      region: s3.region,
      bucket: s3.bucket,
      'access-key': s3.accessKey,
      'secret-key': s3.secretKey,
    }),
  );
  await line.add({ type: 'latency', stream: 'downstream', attributes: { latency: LATENCY_MS } });
  const far = await target(context, bucket);
  const files = await context.use(openDriver('blob', 'fs', {}, { folder: context.folder('files') }));
  const near = await target(context, files);
  const { rounds, runMs, signal } = context;
  for (const { name, writers, octets } of LOADS) {
    context.progress(name);
    const measure = (which: DeliveryTarget, ms = runMs) => which.measure(writers, ms, octets);
    await alternate(
      () => measure(far, runMs / 4),
      () => measure(near, runMs / 4),
      { rounds: 1, signal },
    );
    const { a, b } = await alternate(
      () => measure(far),
      () => measure(near),
      { rounds, signal },
    );
    const p50 = (rates: typeof a) => `${median(rates.map((each) => each.p50)).toFixed(1)} ms`;
    yield row({
      name: `deliveries, S3 with ${LATENCY_MS} ms more, ${name}`,
      unit: '/s',
      better: 'higher',
      value: figure(a.map(({ rate }) => rate)),
      peer: 'filesystem',
      peerValue: figure(b.map(({ rate }) => rate)),
      mark: { ratio: 0.5 },
      note: `median of a delivery ${p50(a)} with S3, ${p50(b)} with files`,
    });
  }
}

export default {
  name: 's3-latency',
  describe: `Ingest with S3 that takes ${LATENCY_MS} ms more for each request, beside the filesystem`,
  needs: [server('s3'), server('toxiproxy')],
  quick: false,
  run,
} satisfies Bench;
