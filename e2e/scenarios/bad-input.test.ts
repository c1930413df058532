import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { coordinator, storage } from '@stoa/contracts';
import { freePort, freePorts, startNats } from '@stoa/test-servers';
import { ImapFlow } from 'imapflow';
import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StoreAddresses, storesToml } from '../../tools/cluster/backends.ts';
import { freeNodes, LocalCluster, runStoa } from '../../tools/cluster/local-cluster.ts';
import { StoaProcess } from '../../tools/cluster/stoa-process.ts';
import { emptyStores, SHARED_BACKENDS } from '../support/backends.ts';
import { clusterClient } from '../support/cluster-client.ts';
import { stoaCommand } from '../support/commands.ts';
import { serversMissing } from '../support/missing.ts';
import { makeServerCertificate } from '../support/pki.ts';
import { singleNodeToml } from '../support/single-node.ts';

const clockAhead = pathToFileURL(resolve(import.meta.dirname, '../support/clock-ahead.ts')).href;
const SECRET = 'not-the-password';
const IN_TIME = { timeout: 20_000 };

const sharedBackends = () => JSON.parse(process.env[SHARED_BACKENDS] as string) as StoreAddresses;

describe.skipIf(serversMissing('postgres', 'redis', 'nats', 's3'))('a start with what cannot work', () => {
  let folder: string;
  let stores: StoreAddresses;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'stoa-bad-input-'));
    makeServerCertificate(join(folder, 'cert.pem'), join(folder, 'key.pem'), 'localhost');
    stores = await emptyStores(sharedBackends());
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Path of the configuration of a node with these stores, in a folder of its own. */
  async function configured(toml: string): Promise<string> {
    const own = mkdtempSync(join(folder, 'node-'));
    for (const name of ['cert.pem', 'key.pem']) copyFileSync(join(folder, name), join(own, name));
    const config = join(own, 'stoa.toml');
    writeFileSync(config, singleNodeToml(await freePorts(5), undefined, toml));
    return config;
  }

  /** Starts a node that has to give up; its output must never hold a password. */
  async function refusal(toml: string): Promise<{ code: number; stderr: string }> {
    const { code, stdout, stderr } = await stoaCommand(['start', '--config', await configured(toml)]);
    for (const secret of [SECRET, stores.s3.secretKey]) expect(`${stdout}${stderr}`).not.toContain(secret);
    // A sentence for the operator, not the way to it.
    expect(stderr).not.toMatch(/^\s+at /m);
    return { code, stderr };
  }

  const dead = async () => `127.0.0.1:${await freePort()}`;

  it.each<[string, () => Promise<string>, number, RegExp]>([
    [
      'a wrong password of PostgreSQL',
      async () => storesToml({ ...stores, postgres: stores.postgres.replace(/:[^:@/]+@/, `:${SECRET}@`) }),
      2,
      /data.*password|password.*data/is,
    ],
    [
      'a PostgreSQL that is not there',
      async () => storesToml({ ...stores, postgres: stores.postgres.replace(/@[^/]+/, `@${await dead()}`) }),
      3,
      /data.*127\.0\.0\.1.*(refused|reach)/is,
    ],
    [
      'a database that is not there',
      async () => storesToml({ ...stores, postgres: stores.postgres.replace(/[^/]+$/, 'no_such_database') }),
      2,
      /data.*no_such_database/is,
    ],
    [
      'a bucket that is not there',
      async () => storesToml({ ...stores, s3: { ...stores.s3, bucket: 'no-such-bucket' } }),
      2,
      /blob.*no-such-bucket/is,
    ],
    [
      'a wrong secret key of S3',
      async () => storesToml({ ...stores, s3: { ...stores.s3, secretKey: SECRET } }),
      2,
      /blob.*(secret-key|access-key)/is,
    ],
    [
      'a wrong password of Redis',
      async () => storesToml({ ...stores, redis: stores.redis.replace('redis://', `redis://stoa:${SECRET}@`) }),
      2,
      /memory.*password/is,
    ],
  ])('%s', async (_, toml, code, words) => {
    const refused = await refusal(await toml());
    expect(refused.stderr).toMatch(words);
    expect(refused.code).toBe(code);
  });

  it('a wrong password of NATS', async () => {
    const nats = await startNats({ user: { name: 'stoa', password: 'the password' } });
    const login = `[bus]\nuser = "stoa"\npassword = "${SECRET}"`;
    const refused = await refusal(storesToml({ ...stores, nats: nats.url }).replace('[bus]', login));
    await nats.stop();
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(/bus.*refuses the login.*password/s) });
  });

  it('the tables of another program, which stay as they are', async () => {
    const { postgres } = await emptyStores(sharedBackends());
    const sql = (text: string) => psql(postgres, text);
    sql('create schema stoa; create table stoa.entry (id int); insert into stoa.entry values (7)');
    const refused = await refusal(storesToml({ ...stores, postgres }));
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringMatching(/schema/) });
    expect(sql('select id from stoa.entry')).toBe('7');
  });

  it('a store that a newer release has changed, which stays as it is', async () => {
    const { postgres, ...others } = await emptyStores(sharedBackends());
    const toml = storesToml({ ...others, postgres });
    const config = await configured(toml);
    const node = new StoaProcess({ config, services: ['all'] });
    await node.start();
    await node.end('SIGTERM');
    // Version of the row, generation of the store.
    psql(postgres, `update stoa.entry set value = '\\x0109' where key = '\\x4600'`);
    const refused = await refusal(toml);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(/generation 9.*newer release/);
    expect(psql(postgres, `select encode(value, 'hex') from stoa.entry where key = '\\x4600'`)).toBe('0109');
  });

  it('a NATS that is not there yet: works without, and joins when it is', async () => {
    const port = await freePort();
    const others = await emptyStores(sharedBackends());
    const config = await configured(storesToml({ ...others, nats: `nats://127.0.0.1:${port}` }));
    const node = new StoaProcess({ config, services: ['all'] });
    await node.start();
    const health = async () => (await fetch(`http://${node.addresses['http']}/health/ready`)).json();
    expect(await health()).toMatchObject({
      status: 'degraded',
      degraded: { coordinator: expect.stringContaining('bus') },
    });
    const nats = await startNats({ port });
    await expect.poll(health, IN_TIME).toMatchObject({ status: 'ready' });
    await node.end('SIGTERM');
    await nats.stop();
  });
});

describe.skipIf(serversMissing('postgres', 'redis', 'nats', 's3'))('a cluster among strangers', () => {
  let folder: string;
  let stores: StoreAddresses;
  let cluster: LocalCluster;
  const more: StoaProcess[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'stoa-strangers-'));
    stores = await emptyStores(sharedBackends());
    cluster = LocalCluster.prepare({
      folder,
      nodes: await freeNodes(2),
      toml: storesToml(stores),
      environmentOf: (id): Record<string, string> => (id === '2' ? { NODE_OPTIONS: `--import=${clockAhead}` } : {}),
    });
    await cluster.startAll();
  });
  afterAll(async () => {
    await Promise.all(more.map((process) => process.end('SIGKILL')));
    await cluster?.stop('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });

  async function counted(metric: RegExp): Promise<number> {
    const { addresses } = cluster.process('1', 'coordinator');
    const text = await (await fetch(`http://${addresses['http']}/metrics`)).text();
    return Number(metric.exec(text)?.[1] ?? 0);
  }

  async function members(nodeId: string): Promise<string[]> {
    await using at = clusterClient(cluster, coordinator.CoordinatorServiceDefinition, {
      nodeId,
      service: 'coordinator',
    });
    const { members } = await at.client.listMembers({});
    return members.filter(({ state }) => state === coordinator.Member_State.STATE_ALIVE).map((member) => member.nodeId);
  }

  it('counts and passes over what others put on its topic', async () => {
    const { hostname, port } = new URL(stores.nats as string);
    const topic = `stwt.agora.${stores.name}`;
    const envelope = coordinator.Envelope.encode({
      version: 1,
      clusterId: 'another',
      nodeId: '1',
      incarnation: Date.now(),
      sequence: 1,
      stream: 0,
      sentAt: Date.now(),
      events: [],
    }).finish();
    const socket = connectTcp(Number(port), hostname);
    socket.write('CONNECT {"verbose":false}\r\n');
    for (const payload of [Buffer.from('noise'), Buffer.alloc(100_000, 0xff), envelope]) {
      socket.write(`PUB ${topic} ${payload.length}\r\n`);
      socket.write(payload);
      socket.write('\r\n');
    }
    for (const [reason, count] of [
      ['foreign-bytes', 2],
      ['other-cluster', 1],
    ] as const) {
      const metric = new RegExp(`^stoa_bus_messages_skipped_total\\{.*reason="${reason}".*\\} (\\d+)$`, 'm');
      await expect.poll(() => counted(metric), IN_TIME).toBe(count);
    }
    socket.destroy();
    expect((await members('1')).sort()).toEqual(['1', '2']);
  });

  it('bears a clock that is an hour off, and says so', async () => {
    await expect.poll(() => counted(/^stoa_bus_clock_skews_total\{.*\} (\d+)$/m), IN_TIME).toBeGreaterThan(0);
    expect(cluster.process('1', 'coordinator').log.join('\n')).toContain('clocks differ');
    for (const id of ['1', '2']) expect((await members(id)).sort()).toEqual(['1', '2']);
    await using directory = clusterClient(cluster, storage.DirectoryServiceDefinition, { nodeId: '2' });
    await directory.client.createDomain({ name: 'example.test' });
    await directory.client.createAccount({ address: 'alice@example.test', password: SECRET });
    // Large enough for S3, whose requests are signed with the time.
    const text = 'late or early\r\n'.repeat(10_000);
    const { smtp } = cluster.node('2').listeners;
    const sender = createTransport({ host: '127.0.0.1', port: smtp, tls: { rejectUnauthorized: false } });
    await sender.sendMail({ from: 'out@elsewhere.test', to: 'alice@example.test', subject: 'now', text });
    const reader = new ImapFlow({
      host: '127.0.0.1',
      port: cluster.node('1').listeners.imaps,
      secure: true,
      tls: { rejectUnauthorized: false },
      auth: { user: 'alice@example.test', pass: SECRET },
      logger: false,
    });
    await reader.connect();
    await reader.mailboxOpen('INBOX');
    const read = await reader.fetchOne('1', { source: true });
    await reader.logout();
    expect(read === false ? '' : read?.source?.toString()).toContain(text);
  });

  it('refuses a second node of the same id, with the host that has it', async () => {
    const config = join(folder, 'twin.toml');
    writeFileSync(
      config,
      readFileSync(cluster.configPath('1'), 'utf8').replace('data-directory = "node-1"', 'data-directory = "twin"'),
    );
    const environment = { STOA_CLUSTER__LISTEN: `127.0.0.1:${await freePort()}`, STOA_HTTP__LISTEN: '127.0.0.1:0' };
    const twin = await stoaCommand(['start', '--config', config, '--services', 'coordinator'], { env: environment });
    expect(twin.code).toBe(5);
    expect(twin.stderr).toMatch(/id.*"?1"?.*mx1\.example\.test/s);
    expect((await members('2')).sort()).toEqual(['1', '2']);
  });

  it('lets nobody in whose certificate is of another authority', async () => {
    const strangers = join(folder, 'strangers');
    runStoa('cluster', 'init-ca', '--folder', strangers);
    runStoa('cluster', 'issue', 'node-1', '--folder', strangers, '--hosts', '127.0.0.1');
    const config = join(folder, 'stranger.toml');
    const own = readFileSync(cluster.configPath('1'), 'utf8').replaceAll(join(folder, 'pki'), strangers);
    const [smtp, submission, lmtp] = await freePorts(3);
    const { listeners } = cluster.node('1');
    writeFileSync(
      config,
      own
        .replace('id = "1"', 'id = "3"')
        .replace('data-directory = "node-1"', 'data-directory = "stranger"')
        .replace(`:${listeners.smtp}"`, `:${smtp}"`)
        .replace(`:${listeners.submission}"`, `:${submission}"`)
        .replace(`:${listeners.lmtp}"`, `:${lmtp}"`),
    );
    const environment = { STOA_CLUSTER__LISTEN: `127.0.0.1:${await freePort()}`, STOA_HTTP__LISTEN: '127.0.0.1:0' };
    const stranger = new StoaProcess({ config, services: ['smtp'], environment });
    more.push(stranger);
    await stranger.start();
    const ready = async () => (await fetch(`http://${stranger.addresses['http']}/health/ready`)).status;
    await expect.poll(ready, IN_TIME).toBe(503);
    await expect
      .poll(() => stranger.log.join('\n'), IN_TIME)
      .toMatch(/cannot connect to 127\.0\.0\.1:\d+: .*certificate/);
    const sender = createTransport({ host: '127.0.0.1', port: smtp as number, tls: { rejectUnauthorized: false } });
    const mail = { from: 'out@elsewhere.test', to: 'bob@example.test', text: 'x' };
    await expect(sender.sendMail(mail)).rejects.toMatchObject({ responseCode: expect.toSatisfy(isTransient) });
    expect((await members('1')).sort()).toEqual(['1', '2']);
  });
});

/** The class of SMTP replies after which a sender keeps the mail and comes again. */
const isTransient = (code: number) => code >= 400 && code < 500;

function psql(url: string, text: string): string {
  return execFileSync('psql', ['-X', '-A', '-t', '-q', '-d', url, '-c', text], { encoding: 'utf8' }).trim();
}
