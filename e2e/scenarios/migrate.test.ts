import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { freePorts } from '@stoa/test-servers';
import type { FetchMessageObject, ImapFlow } from 'imapflow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addressesOf, type Backends, startBackends } from '../../tools/cluster/backends.ts';
import { runStoa } from '../../tools/cluster/local-cluster.ts';
import { StoaProcess } from '../../tools/cluster/stoa-process.ts';
import { stoaCommand } from '../support/commands.ts';
import { guideConfiguration, withLines } from '../support/guide.ts';
import { IdleView } from '../support/idle-view.ts';
import { AppendLoad, connect, digest, Flagging, type Load, type Place, SmtpLoad } from '../support/load.ts';
import { serversMissing } from '../support/missing.ts';
import { PASSWORD, Stoa } from '../support/stoa.ts';

const main = resolve(import.meta.dirname, '../../apps/stoa/src/main.ts');
const bodyOf = (source: Buffer) => source.subarray(source.indexOf('\r\n\r\n') + 4);
const account = (name: string) => `${name}@example.test`;

/** All that a client can know of a mailbox. */
async function contentOf(client: ImapFlow, path: string): Promise<object> {
  const { uidValidity, uidNext, highestModseq } = await client.mailboxOpen(path);
  const messages: object[] = [];
  const query = { uid: true, flags: true, internalDate: true, source: true };
  for await (const { uid, flags, internalDate, modseq, source } of client.fetch('1:*', query)) {
    const sum = digest(source as Buffer);
    messages.push({ uid, flags: [...(flags ?? [])].sort(), internalDate, modseq, sum });
  }
  return { uidValidity, uidNext, highestModseq, messages };
}

describe.skipIf(serversMissing('postgres', 'redis', 'nats', 's3'))('from one machine to three', () => {
  let backends: Backends;
  let stoa: Stoa;
  let toml: string;
  let place: Place;
  const nodes: StoaProcess[] = [];
  const migrations: ChildProcess[] = [];

  beforeAll(async () => {
    backends = await startBackends({ bus: 'nats', jaeger: false });
    stoa = await Stoa.start('all-in-one');
    await stoa.provision('alice', 'bob', 'carol');
    const listeners = { smtp: stoa.port('smtp'), imaps: stoa.port('imaps') };
    place = { node: { host: '127.0.0.1', listeners }, account: account('alice'), password: PASSWORD };
    const { postgres, s3, redis, nats } = addressesOf(backends);
    const file = (name: string, text: string) => {
      writeFileSync(join(stoa.folder, name), `${text}\n`);
      return join(stoa.folder, name);
    };
    const pki = join(stoa.folder, 'cluster-pki');
    runStoa('cluster', 'init-ca', '--folder', pki);
    for (const id of ['1', '2', '3'])
      runStoa('cluster', 'issue', `node-${id}`, '--folder', pki, '--hosts', '127.0.0.1');
    const { username, password, host, pathname } = new URL(postgres);
    toml = withLines(guideConfiguration(), {
      '/etc/stoa/pki': pki,
      '/etc/stoa/cert.pem': join(stoa.folder, 'cert.pem'),
      '/etc/stoa/key.pem': join(stoa.folder, 'key.pem'),
      'postgres://stoa@db.example.org/stoa': `postgres://${username}@${host}${pathname}`,
      '/etc/stoa/postgres-password': file('postgres-password', password),
      'https://s3.example.org': s3.endpoint,
      'bucket = "mail"': `bucket = "${s3.bucket}"`,
      '/etc/stoa/s3-access-key': file('s3-access-key', s3.accessKey),
      '/etc/stoa/s3-secret-key': file('s3-secret-key', s3.secretKey),
      'redis://redis.example.org:6379': redis,
      'nats://nats.example.org:4222': nats as string,
    });
  });
  afterAll(async () => {
    for (const child of migrations) child.kill('SIGKILL');
    await Promise.all(nodes.map((node) => node.end('SIGKILL')));
    await stoa?.[Symbol.asyncDispose]();
    await backends?.stop();
  });

  /** The guide's configuration for one node; on the ports of the single node, or others. */
  async function configurationOf(
    id: string,
    clusterPorts: readonly number[],
    mail?: readonly number[],
  ): Promise<string> {
    const [smtp, submission, imap, imaps] = mail ?? [];
    const others = Object.fromEntries(
      ['1', '2', '3'].map((n, i) => [`10.0.0.1${n}:2070`, `127.0.0.1:${clusterPorts[i]}`]),
    );
    const text = withLines(toml, {
      ...others,
      'id = "1"': `id = "${id}"`,
      'mail1.example.org': `mail${id}.example.org`,
      '/var/lib/stoa-cluster': join(stoa.folder, `cluster-${id}`),
      'node-1': `node-${id}`,
      '127.0.0.1:2080': '127.0.0.1:0',
      '0.0.0.0:25"': `127.0.0.1:${smtp ?? stoa.port('smtp')}"`,
      '0.0.0.0:587': `127.0.0.1:${submission ?? stoa.port('submission')}`,
      '0.0.0.0:143': `127.0.0.1:${imap ?? stoa.port('imap')}`,
      '0.0.0.0:993': `127.0.0.1:${imaps ?? stoa.port('imaps')}`,
    });
    const own = text.replace(/^listen = "127.0.0.1:\d+"/m, `listen = "127.0.0.1:${clusterPorts[Number(id) - 1]}"`);
    const path = join(stoa.folder, `cluster-${id}.toml`);
    writeFileSync(path, id === '1' ? own : own.replace(/^certificates = .*\nshare = true$/m, ''));
    return path;
  }

  /** Runs the migration; with a word of its progress, kills it as soon as that is said. */
  async function migrate(
    to: string,
    killAt?: string,
  ): Promise<{ code: number | null; stdout: string; stderr: string }> {
    const args = ['store', 'migrate', '--from', join(stoa.folder, 'stoa.toml'), '--to', to, '--json'];
    const child = spawn(process.execPath, ['--conditions=stoa-source', main, ...args]);
    migrations.push(child);
    const ended = once(child, 'exit');
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (text: Buffer) => {
      stdout += text;
    });
    child.stderr.on('data', (text: Buffer) => {
      stderr += text;
      if (killAt !== undefined && stderr.includes(killAt)) child.kill('SIGKILL');
    });
    const [code] = (await ended) as [number | null];
    return { code, stdout, stderr };
  }

  it('loses nothing, and clients go on where they were', { timeout: 240_000 }, async () => {
    const bob = await connect({ ...place, account: account('bob') });
    await bob.mailboxCreate('Archive');
    for (let i = 0; i < 120; i++) {
      const flags = [i % 2 === 0 ? '\\Seen' : 'Later', ...(i % 5 === 0 ? ['\\Flagged'] : [])];
      const body = i % 40 === 0 ? 'large '.repeat(30_000) : `message ${i}`;
      const date = new Date(Date.UTC(2020, i % 12, 1 + (i % 28), i % 24));
      await bob.append(i % 3 === 0 ? 'Archive' : 'INBOX', `Subject: ${i}\r\n\r\n${body}\r\n`, flags, date);
    }
    await bob.mailboxOpen('INBOX');
    await bob.messageDelete('3,5,8', { uid: true });
    const before = { inbox: await contentOf(bob, 'INBOX'), archive: await contentOf(bob, 'Archive') };
    await bob.logout();

    const carol = await connect({ ...place, account: account('carol') });
    for (let i = 0; i < 10; i++) await carol.append('INBOX', `Subject: ${i}\r\n\r\nflags change\r\n`);
    const { uidValidity, highestModseq } = await carol.mailboxOpen('INBOX');
    await carol.logout();

    const view = new IdleView({
      host: '127.0.0.1',
      port: stoa.port('imaps'),
      user: account('alice'),
      password: PASSWORD,
      mailbox: 'INBOX',
    });
    await view.start();
    const loads: Load[] = [
      new SmtpLoad({ ...place, size: 600 }),
      new AppendLoad({ ...place, size: 600 }),
      new AppendLoad({ ...place, size: 100_000 }),
    ];
    const flagging = new Flagging({ ...place, account: account('carol') });
    for (const load of [...loads, flagging]) load.start();
    const progress = async () => {
      const counts = loads.map(({ acknowledged }) => acknowledged.length);
      const further = () => loads.map(({ acknowledged }, i) => acknowledged.length - (counts[i] as number) >= 5);
      await expect.poll(further, { timeout: 30_000 }).toEqual(loads.map(() => true));
    };
    await progress();

    const clusterPorts = await freePorts(3);
    const to = await configurationOf('1', clusterPorts);
    for (const step of ['copying rows', 'comparing']) {
      const killed = await migrate(to, step);
      expect(killed).toMatchObject({ code: null, stderr: expect.stringContaining(step) });
      await progress();
    }
    const replies = () =>
      loads.flatMap(({ outcomes }) => outcomes.filter((one) => !one.acknowledged).map(({ reply }) => reply));
    expect(replies()).toEqual([]);
    const moved = await migrate(to);
    expect(moved).toMatchObject({ code: 0 });
    expect(JSON.parse(moved.stdout)).toMatchObject({ rows: expect.any(Number), blobs: expect.any(Number) });
    expect((await migrate(to)).code).not.toBe(0);
    await expect.poll(() => replies().length, { timeout: 20_000 }).toBeGreaterThan(loads.length);
    // Until its end nobody noticed anything; since then they are asked to come again.
    expect(replies().filter((reply) => !/^(4\d\d |NO \[UNAVAILABLE\] )/.test(reply))).toEqual([]);

    await stoa.stop();
    const first = new StoaProcess({ config: to, services: ['all'] });
    nodes.push(first);
    await first.start();
    await first.ready();
    await progress();

    for (const id of ['2', '3'])
      nodes.push(
        new StoaProcess({ config: await configurationOf(id, clusterPorts, await freePorts(4)), services: ['all'] }),
      );
    await Promise.all(nodes.slice(1).map((node) => node.start()));
    await Promise.all(nodes.map((node) => node.ready()));
    await expect
      .poll(async () => (await stoaCommand(['cluster', 'status', '--config', to])).code, { timeout: 30_000 })
      .toBe(0);
    await progress();
    await Promise.all([...loads, flagging].map((load) => load.stop()));

    // Everything is read on the third node, where nobody was before.
    const third = nodes[2] as StoaProcess;
    const imaps = Number(third.addresses['imaps']?.split(':').at(-1));
    const there = { ...place, node: { ...place.node, listeners: { ...place.node.listeners, imaps } } };
    const bobThere = await connect({ ...there, account: account('bob') });
    expect({ inbox: await contentOf(bobThere, 'INBOX'), archive: await contentOf(bobThere, 'Archive') }).toEqual(
      before,
    );
    await bobThere.logout();

    const alice = await connect(there);
    await alice.mailboxOpen('INBOX');
    const found = new Map<string, number>();
    const uids: number[] = [];
    for await (const { source, uid } of alice.fetch('1:*', {
      source: true,
      uid: true,
    }) as AsyncIterable<FetchMessageObject>) {
      const sum = digest(bodyOf(source as Buffer));
      found.set(sum, (found.get(sum) ?? 0) + 1);
      uids.push(uid);
    }
    await alice.logout();
    expect(loads.flatMap(({ acknowledged }) => acknowledged).filter((sum) => found.get(sum) !== 1)).toEqual([]);
    expect([...found.values()].filter((times) => times > 1)).toEqual([]);
    expect(uids).toEqual([...uids].sort((a, b) => a - b));
    await expect.poll(() => view.uids, { timeout: 15_000 }).toEqual(uids);
    expect(view.objections).toEqual([]);
    await view.close();

    // A client that knew the mailbox before gets what changed, and nothing else.
    const told = new Set<number>();
    const again = await connect({ ...there, account: account('carol'), qresync: true });
    again.on('flags', ({ uid }) => told.add(Number(uid)));
    await again.mailboxOpen('INBOX', { changedSince: highestModseq, uidValidity } as never);
    expect(again.mailbox).toMatchObject({ uidValidity });
    expect([...told].sort((a, b) => a - b)).toEqual(flagging.touched);
    for await (const { uid, flags } of again.fetch('1:*', { uid: true, flags: true })) {
      const keyword = [...(flags ?? [])].find((flag) => flag.startsWith('k'));
      expect(flagging.possible(uid)).toContain(keyword);
    }
    await again.logout();
  });
});
