import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storage } from '@stoa/contracts';
import { ImapFlow } from 'imapflow';
import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addressesOf, type Backends, startBackends, storesToml } from '../../tools/cluster/backends.ts';
import { freeNodes, LocalCluster, type Node, SERVICES } from '../../tools/cluster/local-cluster.ts';
import { BUS } from '../support/backends.ts';
import { clusterClient } from '../support/cluster-client.ts';
import { IdleView } from '../support/idle-view.ts';
import { serversMissing } from '../support/missing.ts';

const ACCOUNTS = ['alice', 'bob', 'carol'] as const;
const PASSWORD = 'a good password';
const CLIENTS_PER_ACCOUNT = 10;
/** Within this time a client hears of a change, once its node and the data store are up. */
const NOTICE_MS = 10_000;
const PAUSE_MS = 20_000;

const digest = (octets: Uint8Array | string) => createHash('sha256').update(octets).digest('hex');
const bodyOf = (source: Buffer) => source.subarray(source.indexOf('\r\n\r\n') + 4);
const address = (name: string) => `${name}@example.test`;

/** Writes to one account through one node until it is told to stop, whatever happens to the cluster meanwhile. */
class Writer {
  readonly acknowledged: string[] = [];
  readonly attempted: string[] = [];
  readonly #node: Node;
  readonly #account: string;
  readonly #work: Promise<void>[];
  #running = true;

  constructor(node: Node, account: string) {
    this.#node = node;
    this.#account = account;
    this.#work = [this.#repeat(() => this.#send()), this.#repeat(() => this.#append())];
  }

  async #repeat(step: () => Promise<void>): Promise<void> {
    while (this.#running) {
      try {
        await step();
      } catch {
        // Not acknowledged: it is there once, or not at all.
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  #body(): string {
    const body = `${randomBytes(300).toString('base64')}\r\n`;
    this.attempted.push(digest(body));
    return body;
  }

  async #send(): Promise<void> {
    const { host, listeners } = this.#node;
    const transport = createTransport({
      host,
      port: listeners.smtp,
      tls: { rejectUnauthorized: false },
      connectionTimeout: 5_000,
      socketTimeout: 40_000,
    });
    const body = this.#body();
    const raw = `From: out@elsewhere.test\r\nTo: ${address(this.#account)}\r\nSubject: s\r\n\r\n${body}`;
    await transport.sendMail({ envelope: { from: 'out@elsewhere.test', to: [address(this.#account)] }, raw });
    this.acknowledged.push(digest(body));
  }

  /** Appends, and removes something of its own, so that there is something to be told of beside new mail. */
  async #append(): Promise<void> {
    const client = await connect(this.#node, this.#account);
    try {
      while (this.#running) {
        const body = this.#body();
        const kept = await client.append('INBOX', `Subject: a\r\n\r\n${body}`);
        if (kept === false) return;
        this.acknowledged.push(digest(body));
        const gone = await client.append('INBOX', 'Subject: temporary\r\n\r\ntemporary\r\n', ['\\Deleted']);
        if (gone === false || gone.uid === undefined) return;
        await client.mailboxOpen('INBOX');
        await client.messageDelete(String(gone.uid), { uid: true });
        await client.mailboxClose();
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    } finally {
      client.close();
    }
  }

  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#work);
  }
}

async function connect(node: Node, account: string): Promise<ImapFlow> {
  const client = new ImapFlow({
    host: node.host,
    port: node.listeners.imaps,
    secure: true,
    tls: { rejectUnauthorized: false },
    auth: { user: address(account), pass: PASSWORD },
    logger: false,
    disableAutoIdle: true,
    connectionTimeout: 5_000,
    socketTimeout: 60_000,
  });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** How often a probe is tried: a temporary error is an answer too, after which a client comes again. */
const PROBE_TRIALS = 5;

/** Stores a message through a node and returns its UID; a failure says what the server said. */
async function probe(node: Node, account: string, what: string): Promise<number> {
  for (let trial = 1; ; trial++) {
    const client = await connect(node, account);
    try {
      const stored = await client.append('INBOX', `Subject: probe\r\n\r\n${what}\r\n`);
      if (stored === false || stored.uid === undefined) throw new Error('it was not stored');
      return stored.uid;
    } catch (error) {
      const { message, responseText, serverResponseCode } = error as Error & Record<string, string | undefined>;
      if (serverResponseCode === 'UNAVAILABLE' && trial < PROBE_TRIALS) continue;
      throw new Error(`${what}: the probe to ${account} failed: ${responseText ?? message}`);
    } finally {
      client.close();
    }
  }
}

describe.skipIf(serversMissing('postgres', 'redis', 'nats', 's3'))(
  'a cluster whose parts die one after the other',
  () => {
    let folder: string;
    let backends: Backends;
    let cluster: LocalCluster;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'stoa-chaos-'));
      backends = await startBackends({ bus: BUS, jaeger: false });
      const toml = storesToml(addressesOf(backends));
      cluster = LocalCluster.prepare({ folder, nodes: await freeNodes(3), toml });
      await cluster.startAll();
      await using directory = clusterClient(cluster, storage.DirectoryServiceDefinition);
      await directory.client.createDomain({ name: 'example.test' });
      for (const name of ACCOUNTS) await directory.client.createAccount({ address: address(name), password: PASSWORD });
    });
    afterAll(async () => {
      await cluster?.stop('SIGKILL');
      await backends?.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    /** Every view hears of a message that is sent now, in time. */
    async function expectNotices(
      views: readonly { account: string; view: IdleView }[],
      what: string,
      through = cluster.nodes[0] as Node,
    ): Promise<void> {
      for (const account of ACCOUNTS) {
        const watching = views.filter((one) => one.account === account);
        const uid = await probe(through, account, what);
        const seen = await Promise.all(watching.map(({ view }) => view.hasUid(uid, NOTICE_MS)));
        expect(seen, `${what}: clients of ${account} that heard in time`).toEqual(watching.map(() => true));
      }
    }

    it('loses, doubles and withholds nothing', { timeout: 600_000 }, async () => {
      const views = ACCOUNTS.flatMap((account) =>
        Array.from({ length: CLIENTS_PER_ACCOUNT }, (_, i) => {
          const { host, listeners } = cluster.nodes[i % 3] as Node;
          const options = { host, port: listeners.imaps, user: address(account), password: PASSWORD, mailbox: 'INBOX' };
          return { account, view: new IdleView(options) };
        }),
      );
      await Promise.all(views.map(({ view }) => view.start()));
      const writers = cluster.nodes.map((node, i) => new Writer(node, ACCOUNTS[i] as string));
      await expectNotices(views, 'at the beginning');

      for (const service of SERVICES) {
        for (const { id } of cluster.nodes) {
          const process = cluster.process(id, service);
          await process.end('SIGKILL');
          await process.start();
          await process.ready();
        }
        await expectNotices(views, `after every ${service} was killed`, cluster.nodes[1]);
      }

      const bus = backends.nats ?? backends.redis;
      await bus.kill();
      await expectNotices(views, 'while the bus is away');
      await bus.restart();
      await expectNotices(views, 'after the bus came back');

      cluster.signalNode('2', 'SIGSTOP');
      const elsewhere = views.filter((_, i) => (i % CLIENTS_PER_ACCOUNT) % 3 !== 1);
      const ended = Date.now() + PAUSE_MS;
      await expectNotices(elsewhere, 'while a node is paused');
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, ended - Date.now())));
      cluster.signalNode('2', 'SIGCONT');
      await expectNotices(views, 'after the node went on');

      await Promise.all(writers.map((writer) => writer.stop()));
      for (const [i, account] of ACCOUNTS.entries()) {
        const { acknowledged, attempted } = writers[i] as Writer;
        const found = new Map<string, number>();
        const uids: number[] = [];
        const client = await connect(cluster.nodes[0] as Node, account);
        await client.mailboxOpen('INBOX');
        for await (const { source, uid } of client.fetch('1:*', { source: true, uid: true })) {
          const sum = digest(bodyOf(source as Buffer));
          found.set(sum, (found.get(sum) ?? 0) + 1);
          uids.push(uid);
        }
        client.close();
        expect(acknowledged.length).toBeGreaterThan(50);
        expect(acknowledged.filter((sum) => found.get(sum) !== 1)).toEqual([]);
        expect(attempted.filter((sum) => (found.get(sum) ?? 0) > 1)).toEqual([]);
        expect(uids).toEqual([...uids].sort((a, b) => a - b));
        const watching = views.filter((one) => one.account === account);
        for (const { view } of watching) {
          await expect.poll(() => view.uids, { timeout: NOTICE_MS }).toEqual(uids);
          expect(view.objections).toEqual([]);
        }
      }
      await Promise.all(views.map(({ view }) => view.close()));
    });
  },
);
