import { parseArgs } from 'node:util';
import { messageStructure } from '../../services/store-router/src/mail/message-text.ts';
import { embeddedStores } from '../../services/store-router/test/support/embedded.ts';
import { MemoryBlobStore } from '../../services/store-router/test/support/memory-blob-store.ts';
import { deliverTo, newAccount, testRouter } from '../../services/store-router/test/support/router.ts';

/*
 * Deliveries a second, each its own message of 4 KiB (--size), at several concurrencies:
 *   node --conditions=stoa-source bench/mailbox/deliver.ts [--accounts 100] [--seconds 4] [--routers 2] [--folder DIR] [--bodies inline]
 * Bodies: "inline" in the data store as by default, "files" a file for each, "none" in memory.
 */
const { values } = parseArgs({
  options: {
    accounts: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '4' },
    concurrency: { type: 'string', default: '1,20,100' },
    size: { type: 'string', default: '4096' },
    bodies: { type: 'string', default: 'inline' },
    routers: { type: 'string', default: '1' },
    folder: { type: 'string' },
  },
});

const stores = await embeddedStores(values.folder, '1 MiB');
const places = { inline: stores.blobs, files: stores.outer, none: new MemoryBlobStore(Date.now) };
const blobs = places[values.bodies as keyof typeof places];
if (blobs === undefined) throw new Error(`--bodies: ${Object.keys(places).join(', ')}`);
const routers = Array.from({ length: Number(values.routers) }, () =>
  testRouter({ data: stores.data, blobs, newStructure: messageStructure }),
);
const accounts: string[] = [];
for (let i = 0; i < Number(values.accounts); i++) accounts.push(await newAccount(routers[0]!));

const filler = 'The quick brown fox jumps over the lazy dog. 0123456789.....\r\n'.repeat(
  Math.ceil(Number(values.size) / 64),
);
const body = (n: number) =>
  Buffer.from(
    `From: a@example.test\r\nTo: b@example.test\r\nSubject: message ${n}\r\n\r\n${filler}${Math.random()}\r\n`,
  );

let n = 0;
for (const concurrency of values.concurrency.split(',').map(Number)) {
  const end = performance.now() + Number(values.seconds) * 1000;
  const begin = performance.now();
  const first = n;
  const latencies: number[] = [];
  const cpu = process.cpuUsage();
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      while (performance.now() < end) {
        const i = n++;
        const start = performance.now();
        await deliverTo(routers[i % routers.length]!, accounts[i % accounts.length]!, body(i), { key: `key ${i}` });
        latencies.push(performance.now() - start);
      }
    }),
  );
  const seconds = (performance.now() - begin) / 1000;
  latencies.sort((a, b) => a - b);
  const at = (share: number) => latencies[Math.floor(latencies.length * share)]!.toFixed(1);
  const rate = Math.round((n - first) / seconds);
  const { user, system } = process.cpuUsage(cpu);
  const each = Math.round((user + system) / (n - first));
  process.stdout.write(
    `${concurrency} at once: ${rate}/s, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, ${each} us of CPU each\n`,
  );
}
await stores.close();
