import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { storage } from '@stoa/contracts';
import { ImapFlow } from 'imapflow';
import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addressesOf, type Backends, startBackends, storesToml } from '../../tools/cluster/backends.ts';
import { freeNodes, LocalCluster } from '../../tools/cluster/local-cluster.ts';
import { BUS } from '../support/backends.ts';
import { clusterClient } from '../support/cluster-client.ts';
import { serversMissing } from '../support/missing.ts';

const PASSWORD = 'a good password';
const NEWER = '1';
const OLDER = '2';
/** Enough that each node's store-router is the first choice for some of them. */
const ACCOUNTS = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank'];
const newerBuild = pathToFileURL(resolve(import.meta.dirname, '../support/newer-build.ts')).href;

describe.skipIf(serversMissing('postgres', 'redis', 'nats', 's3'))('a newer node beside an older one', () => {
  let folder: string;
  let backends: Backends;
  let cluster: LocalCluster;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'stoa-versions-'));
    backends = await startBackends({ bus: BUS, jaeger: false });
    cluster = LocalCluster.prepare({
      folder,
      nodes: await freeNodes(2),
      toml: storesToml(addressesOf(backends)),
      environmentOf: (id): Record<string, string> => (id === NEWER ? { NODE_OPTIONS: `--import=${newerBuild}` } : {}),
    });
    await cluster.startAll();
    await using directory = clusterClient(cluster, storage.DirectoryServiceDefinition, { nodeId: NEWER });
    await directory.client.createDomain({ name: 'example.test' });
    for (const name of ACCOUNTS) {
      await directory.client.createAccount({ address: `${name}@example.test`, password: PASSWORD });
    }
  });
  afterAll(async () => {
    await cluster?.stop('SIGKILL');
    await backends?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function connect(nodeId: string, name: string): Promise<ImapFlow> {
    const { host, listeners } = cluster.node(nodeId);
    const client = new ImapFlow({
      host,
      port: listeners.imaps,
      secure: true,
      tls: { rejectUnauthorized: false },
      auth: { user: `${name}@example.test`, pass: PASSWORD },
      logger: false,
      disableAutoIdle: true,
    });
    client.on('error', () => {});
    await client.connect();
    await client.mailboxOpen('INBOX');
    return client;
  }

  async function send(nodeId: string, name: string, subject: string): Promise<void> {
    const { host, listeners } = cluster.node(nodeId);
    const transport = createTransport({ host, port: listeners.smtp, tls: { rejectUnauthorized: false } });
    await transport.sendMail({ from: 'out@elsewhere.test', to: `${name}@example.test`, subject, text: 'hello' });
  }

  it.each([
    [NEWER, OLDER],
    [OLDER, NEWER],
  ])('what comes in on %s is told, read, flagged and removed on %s', async (from, at) => {
    for (const name of ACCOUNTS) {
      const there = await connect(at, name);
      const here = await connect(from, name);
      const told = once(there, 'exists');
      const idling = there.idle();
      await send(from, name, `from ${from}`);
      await told;
      await there.noop();
      await idling;
      const message = await there.fetchOne('*', { envelope: true, bodyStructure: true, source: true, uid: true });
      if (message === false) throw new Error('the message is not there');
      expect(message.envelope?.subject).toBe(`from ${from}`);
      expect(message.bodyStructure?.type).toBe('text/plain');
      expect(message.source?.toString()).toContain('hello');
      const uid = String(message.uid);
      await there.messageFlagsAdd(uid, ['\\Flagged', 'Later'], { uid: true });
      await here.noop();
      const seen = await here.fetchOne(uid, { flags: true, envelope: true }, { uid: true });
      if (seen === false) throw new Error('the message is not here');
      expect([...(seen.flags ?? [])]).toEqual(expect.arrayContaining(['\\Flagged', 'Later']));
      expect(seen.envelope?.subject).toBe(`from ${from}`);
      await here.append('INBOX', 'Subject: kept\r\n\r\nkept\r\n');
      await there.messageDelete(uid, { uid: true });
      await here.noop();
      expect((await here.search({ uid }, { uid: true })) || []).toEqual([]);
      await Promise.all([here.logout(), there.logout()]);
    }
  });

  it('though the newer one wrote newer values and envelopes, of which the older counts what it passed over', async () => {
    const values = backends.postgres.sql('select count(*) from stoa.entry where get_byte(value, 0) = 2');
    expect(Number(values)).toBeGreaterThan(ACCOUNTS.length);
    const { addresses } = cluster.process(OLDER, 'coordinator');
    const metrics = await (await fetch(`http://${addresses['http']}/metrics`)).text();
    for (const reason of ['newer-version', 'unknown-event']) {
      expect(metrics).toMatch(new RegExp(`^stoa_bus_messages_skipped_total\\{.*reason="${reason}".*\\} [1-9]`, 'm'));
    }
    const log = [...cluster.process(OLDER, 'store-router').log, ...cluster.process(OLDER, 'imap').log];
    expect(log.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });
});
