import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TestAuthority } from '../../test/certificates.ts';
import { fakeServices } from '../../test/fake-services.ts';
import { recordingLogger } from '../../test/recording-logger.ts';
import { ConfigDocument } from '../config/load.ts';
import type { ServiceModule, ServiceName } from '../service.ts';
import { parseServices, type RunningNode, runNode } from './run-node.ts';

const root = mkdtempSync(join(tmpdir(), 'stoa-node-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let count = 0;
const running: RunningNode[] = [];
afterEach(async () => {
  for (const node of running.splice(0)) await node.stop();
});

async function start(modules: ServiceModule[], services: ServiceName[], toml = '', environment = {}) {
  count += 1;
  const text = `[node]\ndata-directory = ${JSON.stringify(join(root, String(count)))}\n[http]\nlisten = "127.0.0.1:0"\n${toml}`;
  const document = new ConfigDocument({ text, environment });
  const node = await runNode({ document, modules, services, version: '0', logger: recordingLogger() });
  running.push(node);
  return node;
}

const get = async (node: RunningNode, path: string) => {
  const response = await fetch(`http://${node.addresses['http']}${path}`);
  return { status: response.status, text: await response.text() };
};

describe('a node', () => {
  it('creates and starts services after those they need, and stops them the other way round', async () => {
    const { world, modules } = fakeServices();
    const node = await start(modules, ['imap', 'store-router', 'coordinator']);
    await node.stop();
    await node.stop();
    const order = ['coordinator', 'store-router', 'imap'];
    expect(world.log).toEqual([
      ...order.map((name) => `${name} create`),
      ...order.map((name) => `${name} start`),
      ...order.toReversed().map((name) => `${name} drain`),
      ...order.toReversed().map((name) => `${name} stop`),
    ]);
  });

  it('stops what was started when a start fails, and says why', async () => {
    const { world, modules } = fakeServices();
    world.failing = 'store-router start';
    const services: ServiceName[] = ['imap', 'store-router', 'coordinator'];
    await expect(start(modules, services)).rejects.toMatchObject({ message: 'store-router start fails' });
    expect(world.log.slice(-3)).toEqual(['imap stop', 'store-router stop', 'coordinator stop']);
  });

  it('answers for its health, and shows metrics', async () => {
    const { world, modules } = fakeServices();
    const node = await start(modules, ['store-router', 'coordinator']);
    expect((await get(node, '/health/live')).status).toBe(200);
    const ready = await get(node, '/health/ready');
    expect(JSON.parse(ready.text)).toEqual({
      status: 'ready',
      services: { 'store-router': 'ready', coordinator: 'ready' },
    });
    world.healthy = false;
    const ill = await get(node, '/health/ready');
    expect(ill.status).toBe(503);
    expect(JSON.parse(ill.text).services.coordinator).toBe('unavailable');
    world.healthy = true;
    world.degraded = 'the bus is not connected';
    const lacking = await get(node, '/health/ready');
    expect(lacking.status).toBe(200);
    expect(JSON.parse(lacking.text)).toEqual({
      status: 'degraded',
      services: { 'store-router': 'ready', coordinator: 'ready' },
      degraded: { coordinator: 'the bus is not connected' },
    });
    expect((await get(node, '/metrics')).text).toMatch(/^stoa_process_resident_memory\S* \d+/m);
    expect((await get(node, '/else')).status).toBe(404);
    expect((await fetch(`http://${node.addresses['http']}/metrics`, { method: 'POST' })).status).toBe(405);
  });

  it('reaches a service in its own process without a server', async () => {
    const { world, modules } = fakeServices();
    const node = await start(modules, ['imap', 'store-router', 'coordinator'], '[store-router]\nlimit = 8');
    expect(node.addresses['cluster']).toBeUndefined();
    expect(await world.mail?.getQuota({})).toEqual({ usedBytes: 0, messages: 0, limitBytes: 8 });
  });

  it('reaches services in other processes over gRPC, and goes on when one of them ends', async () => {
    const cluster = '[cluster]\nlisten = "127.0.0.1:0"';
    const back = [fakeServices(), fakeServices()];
    const nodes = [];
    for (const [i, { modules }] of back.entries()) {
      nodes.push(await start(modules, ['store-router', 'coordinator'], `${cluster}\n[store-router]\nlimit = ${i}`));
    }
    const addresses = JSON.stringify(nodes.map((node) => node.addresses['cluster']));
    const front = fakeServices();
    await start(front.modules, ['imap'], `[cluster.services]\nstore-router = ${addresses}\ncoordinator = ${addresses}`);
    const ask = async () => {
      const seen = new Set<number>();
      for (let i = 0; i < 8; i++) seen.add((await front.world.mail?.getQuota({}))?.limitBytes ?? -1);
      return seen;
    };
    expect(await ask()).toEqual(new Set([0, 1]));
    await nodes[0]?.stop();
    expect(await ask()).toEqual(new Set([1]));
  });

  it('says which addresses are missing', async () => {
    const { modules } = fakeServices();
    await expect(start(modules, ['imap', 'coordinator'])).rejects.toThrow(/cluster\.services\.store-router/);
  });

  it('does not run the same service twice on one data folder', async () => {
    const { modules } = fakeServices();
    const node = await start(modules, ['coordinator']);
    const environment = { STOA_NODE__DATA_DIRECTORY: node.info.dataDirectory };
    await expect(start(modules, ['coordinator'], '', environment)).rejects.toThrow(/already runs on/);
    await node.stop();
    await start(modules, ['coordinator'], '', environment);
  });

  it('refuses a configuration with an unknown section', async () => {
    const { modules } = fakeServices();
    await expect(start(modules, ['coordinator'], '[store-ruter]')).rejects.toThrow(/did you mean store-router/);
  });

  it('is called unavailable while it is not there', async () => {
    const { modules } = fakeServices();
    const front = fakeServices();
    await start(front.modules, ['imap', 'coordinator'], '[cluster.services]\nstore-router = ["127.0.0.1:1"]');
    await expect(front.world.mail?.getQuota({})).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    expect(parseServices('imap, coordinator', modules)).toEqual(['imap', 'coordinator']);
    expect(() => parseServices('imop', modules)).toThrow(/there is no service "imop"/);
  });
});

describe('between processes', () => {
  let authority: TestAuthority;
  beforeAll(() => {
    authority = new TestAuthority(root);
  });

  const tls = (ca: string, pair: { cert: string; key: string }) =>
    `[cluster.tls]\nca = ${JSON.stringify(ca)}\ncert = ${JSON.stringify(pair.cert)}\nkey = ${JSON.stringify(pair.key)}\n`;

  it('nothing listens in plain text beyond loopback', async () => {
    const { modules } = fakeServices();
    await expect(start(modules, ['coordinator'], '[cluster]\nlisten = "0.0.0.0:0"')).rejects.toThrow(/cluster\.tls/);
  });

  it('both sides must have a certificate of the cluster', async () => {
    const back = fakeServices();
    const pair = authority.issue('back', ['DNS:localhost', 'IP:127.0.0.1']);
    const node = await start(
      back.modules,
      ['store-router', 'coordinator'],
      `[cluster]\nlisten = "127.0.0.1:0"\n${tls(authority.ca, pair)}`,
    );
    const services = `[cluster.services]\nstore-router = ["${node.addresses['cluster']}"]\ncoordinator = ["${node.addresses['cluster']}"]\n`;
    const ask = async (section: string) => {
      const front = fakeServices();
      await start(front.modules, ['imap'], `${section}${services}`);
      return front.world.mail?.getQuota({}, { timeoutMs: 2_000 });
    };
    expect(await ask(tls(authority.ca, authority.issue('front', ['DNS:front'])))).toMatchObject({ limitBytes: 7 });

    const stranger = new TestAuthority(root, 'stranger');
    const strange = stranger.issue('strange', ['DNS:front']);
    for (const section of ['', tls(authority.ca, strange), tls(stranger.ca, strange)]) {
      await expect(ask(section)).rejects.toMatchObject({ retryable: true });
    }
  });
});
