import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { coordinator, storage } from '@stoa/contracts';
import {
  ClusterSecret,
  ConfigDocument,
  createLogger,
  parseServices,
  type RunningNode,
  runNode,
} from '@stoa/service-kit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { issueCertificate } from '../certificates/issue.ts';
import { ServerConnection } from '../cli/server.ts';
import { SERVICES } from '../services.ts';
import { drainNode } from './drain.ts';
import { clusterStatus, statusView } from './status.ts';

const folder = mkdtempSync(join(tmpdir(), 'stoa-two-processes-'));
const at = (name: string) => join(folder, name);
const WAIT = { timeout: 15_000, interval: 50 };

async function makeCertificate(name: string): Promise<{ cert: string; key: string }> {
  const made = await issueCertificate({ name, hosts: ['mail.test'], days: 2 });
  writeFileSync(at(`${name}.pem`), made.cert);
  writeFileSync(at(`${name}-key.pem`), made.key);
  return { cert: at(`${name}.pem`), key: at(`${name}-key.pem`) };
}

/** Two processes of one node, each with listeners of its own. */
function toml(data: string, cluster: string, tls: string): string {
  return `
[node]
id = "1"
data-directory = ${JSON.stringify(at(data))}
drain-timeout = "5s"
[telemetry]
log-level = "error"
[http]
listen = "127.0.0.1:0"
[cluster]
listen = "127.0.0.1:0"
secret-file = ${JSON.stringify(at('secret'))}
${cluster}
[tls]
${tls}
[[imap.listeners]]
name = "imaps"
listen = "127.0.0.1:0"
tls = "implicit"
[[smtp.listeners]]
name = "smtp"
kind = "smtp"
listen = "127.0.0.1:0"
`;
}

async function start(services: string, text: string): Promise<RunningNode> {
  return runNode({
    document: new ConfigDocument({ text, environment: {} }),
    modules: SERVICES,
    services: parseServices(services, SERVICES),
    version: '0',
    logger: createLogger({ level: 'error', nodeId: '1' }),
  });
}

let one: RunningNode;
let two: RunningNode;
let pair: { cert: string; key: string };

beforeAll(async () => {
  writeFileSync(at('secret'), ClusterSecret.generate());
  pair = await makeCertificate('first');
  const files = `share = true\ncertificates = [{ cert = ${JSON.stringify(pair.cert)}, key = ${JSON.stringify(pair.key)} }]`;
  one = await start('all', toml('one', '', files));
  const services = JSON.stringify([one.addresses['cluster']]);
  const cluster = `[cluster.services]\nstore-router = ${services}\ncoordinator = ${services}`;
  two = await start('imap,smtp', toml('two', cluster, ''));
}, 60_000);

afterAll(async () => {
  await two?.stop();
  await one?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function addressOf(node: RunningNode, listener: string): { host: string; port: number } {
  const [host, port] = (node.addresses[listener] as string).split(':') as [string, string];
  return { host, port: Number(port) };
}

/** A client that has read the greeting. */
async function login(node: RunningNode): Promise<TLSSocket> {
  const options = { ...addressOf(node, 'imaps'), servername: 'mail.test', rejectUnauthorized: false };
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect(options);
    socket.once('data', () => resolve(socket));
    socket.once('error', reject);
  });
}

/** Common name of the certificate that a node shows. */
async function shown(node: RunningNode): Promise<string> {
  const socket = await login(node);
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return subject.CN as string;
}

/** What a listener says on plain text before a deadline; undefined when it takes no connection. */
function greeting({ host, port }: { host: string; port: number }): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port });
    socket.once('data', (data) => {
      socket.destroy();
      resolve(data.toString());
    });
    socket.once('error', () => resolve(undefined));
  });
}

describe('the processes of a cluster', () => {
  it('serve the certificate of one of them, and what replaces it', async () => {
    expect(await shown(one)).toBe('first');
    await vi.waitFor(async () => expect(await shown(two)).toBe('first'), WAIT);
    const standing = await login(two);
    const second = await makeCertificate('second');
    copyFileSync(second.key, pair.key);
    copyFileSync(second.cert, pair.cert);
    await vi.waitFor(async () => expect(await shown(one)).toBe('second'), WAIT);
    await vi.waitFor(async () => expect(await shown(two)).toBe('second'), WAIT);
    expect(standing.destroyed).toBe(false);
    standing.destroy();
  });

  it('are shown with the health of their processes, bus and stores', async () => {
    writeFileSync(
      at('operator.toml'),
      `[cluster]\nlisten = "${one.addresses['cluster']}"\n[cluster.services]\nstore-router = ["${one.addresses['cluster']}"]\nimap = ["${two.addresses['cluster']}", "127.0.0.1:1"]\n`,
    );
    await using server = await ServerConnection.open({ config: at('operator.toml') });
    const status = await clusterStatus(server);
    expect(status).toMatchObject({
      healthy: false,
      nodes: [{ node: '1', state: 'alive', draining: false }],
      processes: [
        { address: one.addresses['cluster'], services: ['store-router'], health: 'serving' },
        { address: two.addresses['cluster'], services: ['imap'], health: 'serving' },
        { address: '127.0.0.1:1', health: 'unreachable' },
      ],
      bus: [{ connected: true, detail: '' }],
      storesError: '',
    });
    expect(status.stores.map(({ kind, healthy }) => [kind, healthy])).toContainEqual(['data', true]);
    expect(statusView(status).text).toContain('something is not well');
  });

  it('that do not answer at all are unavailable', async () => {
    await using server = await ServerConnection.open({ server: '127.0.0.1:1' });
    await expect(clusterStatus(server)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('of a node that drains have no listener and no session, and their readiness tells of it', async () => {
    const sessions = [await login(one), await login(two)];
    const farewells = sessions.map(
      (session) => new Promise<string>((resolve) => session.once('data', (data) => resolve(data.toString()))),
    );
    const client = one.client(coordinator.CoordinatorServiceDefinition);
    await vi.waitFor(async () => expect((await client.listMembers({})).members[0]?.sessions).toBe(2), WAIT);
    for (const node of [one, two]) expect(await greeting(addressOf(node, 'smtp'))).toContain('220');
    const member = await drainNode({
      client,
      node: '1',
      wait: true,
      timeoutMs: 20_000,
      signal: new AbortController().signal,
      progress: () => {},
      pause: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      now: Date.now,
    });
    expect(member).toMatchObject({ state: 'alive', draining: true, drained: true, sessions: 0 });
    for (const farewell of await Promise.all(farewells)) expect(farewell).toMatch(/^\* BYE /);
    for (const node of [one, two]) {
      expect(await greeting(addressOf(node, 'smtp'))).toBeUndefined();
      const ready = await fetch(`http://${node.addresses['http']}/health/ready`);
      expect([ready.status, ((await ready.json()) as { status: string }).status]).toEqual([503, 'draining']);
      expect((await fetch(`http://${node.addresses['http']}/health/live`)).status).toBe(200);
    }
    await using server = await ServerConnection.open({ config: at('operator.toml') });
    const { healthy, processes } = await clusterStatus(server);
    expect([healthy, processes[0]?.health, processes[1]?.health]).toEqual([false, 'not serving', 'not serving']);
    // It goes on to answer others.
    expect((await client.listMembers({})).members).toHaveLength(1);
    await one.client(storage.MaintenanceServiceDefinition).getStoreStats({});
  });
});
