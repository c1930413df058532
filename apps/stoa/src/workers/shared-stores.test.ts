import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigDocument, DriverHost, type Logger, type NodeInfo, shareStores } from '@stoa/service-kit';
import { afterAll, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'stoa-shared-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => logger } as unknown as Logger;
const info = { id: '1', name: '1', dataDirectory: folder, services: [] } as unknown as NodeInfo;

/** A driver that has all it keeps in one process. */
function driverOfOneProcess(kind: string): string {
  const path = join(folder, `${kind}.mjs`);
  writeFileSync(
    path,
    `export default { [Symbol.for('stoa.driver')]: true, name: 'own', kind: '${kind}', sdk: '^1.0.0', capabilities: { shared: 'process' },
       configSchema: { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } },
       create: async () => ({ check: async () => {}, close: async () => {} }) };`,
  );
  return path;
}

it('workers share what a driver keeps in one process: counters, and what is published', async () => {
  const document = new ConfigDocument({ text: '[memory]\nmax-size = "2 MiB"\n' });
  const stores = await shareStores({ document, node: info, logger, folder });
  const hosts = [1, 2].map(
    (number) => new DriverHost(document, info, logger, { number, folder, shared: stores.sockets }),
  );
  try {
    expect(Object.keys(stores.sockets).sort()).toEqual(['bus', 'memory']);
    const [one, two] = await Promise.all(hosts.map((host) => host.get('memory')));
    expect(one?.capabilities).toMatchObject({ shared: 'host' });
    expect(await one?.driver.increment('failures', 1, { ttlMs: 10_000 })).toBe(1);
    expect(await two?.driver.increment('failures', 1, { ttlMs: 10_000 })).toBe(2);
    const [from, to] = await Promise.all(hosts.map((host) => host.get('bus')));
    const heard = Promise.withResolvers<string>();
    const subscription = await to?.driver.subscribe('stwt.agora', {
      message: (payload) => heard.resolve(Buffer.from(payload).toString()),
      gap() {},
      connected() {},
    });
    await from?.driver.publish('stwt.agora', Buffer.from('news'));
    expect(await heard.promise).toBe('news');
    await subscription?.close();
  } finally {
    await Promise.all(hosts.map((host) => host.close()));
    await stores.close();
  }
});

it('a store of mail that lives in one process is refused for workers', async () => {
  const document = new ConfigDocument({ text: `[search]\ndriver = ${JSON.stringify(driverOfOneProcess('search'))}\n` });
  const place = { number: 1, folder, shared: {} };
  await expect(new DriverHost(document, info, logger, place).get('search')).rejects.toMatchObject({
    code: 'invalid-configuration',
    message: expect.stringContaining('every worker would have a search store of its own; set node.workers to 1'),
  });
  await new DriverHost(document, info, logger).get('search');
});
