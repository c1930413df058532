import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { freePorts } from '@stoa/test-servers';
import type { FetchMessageObject, ImapFlow } from 'imapflow';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addressesOf, type Backends, startBackends, storesToml } from '../../tools/cluster/backends.ts';
import { runStoa } from '../../tools/cluster/local-cluster.ts';
import { StoaProcess } from '../../tools/cluster/stoa-process.ts';
import { emptyStores } from '../support/backends.ts';
import { stoaCommand } from '../support/commands.ts';
import { guideConfiguration, withLines } from '../support/guide.ts';
import { IdleView } from '../support/idle-view.ts';
import { AppendLoad, connect, digest, Flagging, Load, type Place, SmtpLoad } from '../support/load.ts';
import { serversMissing } from '../support/missing.ts';
import { PASSWORD, Stoa } from '../support/stoa.ts';

/** Messages that lie outside the data store, so that copying them takes a while. */
const MANY = 250;
/** Messages whose flags change, or that are expunged. */
const CHANGING = 150;

const main = resolve(import.meta.dirname, '../../apps/stoa/src/main.ts');
const bodyOf = (source: Buffer) => source.subarray(source.indexOf('\r\n\r\n') + 4);
const account = (name: string) => `${name}@example.test`;

/** Expunges the messages of INBOX one after the other, from a UID on. */
class Expunging extends Load {
  #client: ImapFlow | undefined;
  #next: number;
  readonly #last: number;
  /** UIDs that the server said are gone. */
  readonly gone: number[] = [];

  constructor(place: Place, from: number, last: number) {
    super({ ...place, size: 2 });
    this.#next = from;
    this.#last = last;
  }

  protected async store(): Promise<void> {
    if (this.#next > this.#last) return;
    try {
      this.#client ??= await connect(this.options);
      await this.#client.mailboxOpen('INBOX');
      if (!(await this.#client.messageDelete(String(this.#next), { uid: true }))) throw new Error('not expunged');
      this.gone.push(this.#next++);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  protected close(): void {
    this.#client?.close();
    this.#client = undefined;
  }
}

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
    await stoa.provision('alice', 'bob', 'carol', 'dave');
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

  const old = () => join(stoa.folder, 'stoa.toml');

  interface Run {
    /** What it prints at which it is killed. */
    killAt?: string;
    /** On a terminal; `interruptAt`: what it prints at which somebody presses Ctrl-C. */
    terminal?: boolean;
    interruptAt?: string;
  }

  /** Runs the migration to its end, or to the one that `run` makes. On a terminal `output` has both streams. */
  async function migrate(to: string, run: Run = {}): Promise<{ code: number | null; stdout: string; output: string }> {
    const args = ['--conditions=stoa-source', main, 'store', 'migrate', '--from', old(), '--to', to, '--json'];
    const command = [process.execPath, ...args].map((word) => `'${word}'`).join(' ');
    const child =
      run.terminal === true
        ? spawn('script', ['--quiet', '--return', '--flush', '--command', `exec ${command}`, '/dev/null'])
        : spawn(process.execPath, args);
    migrations.push(child);
    const ended = once(child, 'exit');
    let [stdout, output] = ['', ''];
    let interrupted = false;
    const heard = (text: Buffer) => {
      output += text;
      if (run.killAt !== undefined && output.includes(run.killAt)) child.kill('SIGKILL');
      if (interrupted || run.interruptAt === undefined || !output.includes(run.interruptAt)) return;
      interrupted = true;
      child.stdin?.write('\x03');
    };
    child.stdout.on('data', (text: Buffer) => {
      stdout += text;
      heard(text);
    });
    child.stderr.on('data', heard);
    const [code] = (await ended) as [number | null];
    return { code, stdout, output };
  }

  it.skipIf(process.platform !== 'linux')('can be interrupted and forgotten', { timeout: 120_000 }, async () => {
    const dave = await connect({ ...place, account: account('dave') });
    for (let i = 0; i < MANY; i++) {
      await dave.append('INBOX', `Subject: ${i}\r\n\r\n${randomBytes(40_000).toString('hex')}\r\n`);
    }
    await dave.logout();
    const other = join(stoa.folder, 'other.toml');
    writeFileSync(other, storesToml(await emptyStores(addressesOf(backends))));
    const interrupted = await migrate(other, { terminal: true, interruptAt: 'copying blobs' });
    expect(interrupted).toMatchObject({ code: 1, output: expect.stringContaining('goes on where it stopped') });
    expect(interrupted.output).toMatch(/\r\x1b\[Kcopying blobs {2}\d+/);

    const abandon = () => stoaCommand(['store', 'migrate', '--from', old(), '--abandon']);
    expect(await abandon()).toMatchObject({ code: 0, stdout: expect.stringContaining('is forgotten') });
    expect(await abandon()).toMatchObject({ code: 0, stdout: 'there is no migration under way\n' });
    expect(await migrate(other)).toMatchObject({ code: 6, output: expect.stringContaining('not empty') });
    expect(await stoaCommand(['store', 'migrate', '--from', old()])).toMatchObject({ code: 2 });
    expect(await stoaCommand(['store', 'migrate', '--from', old(), '--to', `${old()}.none`])).toMatchObject({
      code: 2,
    });
  });

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
    for (let i = 1; i <= CHANGING; i++) await carol.append('INBOX', `Subject: ${i}\r\n\r\nchanges\r\n`);
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
    const expunging = new Expunging({ ...place, account: account('carol') }, 10, CHANGING);
    for (const load of [...loads, flagging, expunging]) load.start();
    const progress = async () => {
      const counts = loads.map(({ acknowledged }) => acknowledged.length);
      const further = () => loads.map(({ acknowledged }, i) => acknowledged.length - (counts[i] as number) >= 5);
      await expect.poll(further, { timeout: 30_000 }).toEqual(loads.map(() => true));
    };
    await progress();

    const clusterPorts = await freePorts(3);
    const to = await configurationOf('1', clusterPorts);
    for (const step of ['copying blobs', 'copying rows']) {
      const killed = await migrate(to, { killAt: `${step} …\n` });
      expect(killed).toMatchObject({ code: null, output: expect.stringContaining(step) });
      // A line for each step, and no bar.
      expect(killed.output.trimEnd().split('\n')).toSatisfy((lines: string[]) =>
        lines.every((line) => / …$/.test(line)),
      );
      await progress();
    }
    expect(await stoaCommand(['start', '--config', to])).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('run `stoa store migrate` to its end first'),
    });
    const replies = () =>
      loads.flatMap(({ outcomes }) => outcomes.filter((one) => !one.acknowledged).map(({ reply }) => reply));
    expect(replies()).toEqual([]);
    const moved = await migrate(to, { terminal: process.platform === 'linux' });
    expect(moved).toMatchObject({ code: 0 });
    if (process.platform === 'linux') expect(moved.output).toMatch(/\r\x1b\[Kcomparing {2}[#-]{30} {2}\d+% /);
    expect(JSON.parse(/\{[^}]*\}/.exec(moved.stdout)?.[0] ?? '')).toMatchObject({ blobs: 0, mended: 0 });
    expect(await migrate(to)).toMatchObject({ code: 6, output: expect.stringContaining('were moved to') });
    await expect.poll(() => replies().length, { timeout: 20_000 }).toBeGreaterThan(loads.length);
    // Until its end nobody noticed anything; since then they are asked to come again.
    expect(replies().filter((reply) => !/^(4\d\d |NO \[UNAVAILABLE\] )/.test(reply))).toEqual([]);
    // And from the switch on by every answer: nothing is taken that would be lost.
    for (const { outcomes } of loads) {
      const since = outcomes.findIndex(({ acknowledged }) => !acknowledged);
      if (since >= 0) expect(outcomes.slice(since).filter(({ acknowledged }) => acknowledged)).toEqual([]);
    }

    await stoa.stop();
    expect(await stoaCommand(['start', '--config', old()])).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('start with the configuration that names that store'),
    });
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
    await Promise.all([...loads, flagging, expunging].map((load) => load.stop()));

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
    const vanished = new Set<number>();
    again.on('flags', ({ uid }) => told.add(Number(uid)));
    again.on('expunge', ({ uid }) => vanished.add(Number(uid)));
    await again.mailboxOpen('INBOX', { changedSince: highestModseq, uidValidity } as never);
    expect(again.mailbox).toMatchObject({ uidValidity });
    expect([...told].sort((a, b) => a - b)).toEqual(flagging.touched);
    expect(vanished.size).toBeGreaterThan(0);
    expect(expunging.gone.filter((uid) => !vanished.has(uid))).toEqual([]);
    // One more may be gone without an answer that said so.
    expect(vanished.size).toBeLessThanOrEqual(expunging.gone.length + 1);
    for await (const { uid, flags } of again.fetch('1:*', { uid: true, flags: true })) {
      const keyword = [...(flags ?? [])].find((flag) => flag.startsWith('k'));
      expect(flagging.possible(uid)).toContain(keyword);
    }
    await again.logout();

    // And back, with what has come meanwhile; the first stores stay where they are.
    const aliceThere = await connect(there);
    const latest = await contentOf(aliceThere, 'INBOX');
    await aliceThere.logout();
    const back = join(stoa.folder, 'back.toml');
    const elsewhere = 'data-directory = "back"';
    writeFileSync(back, withLines(readFileSync(old(), 'utf8'), { 'data-directory = "data"': elsewhere }));
    const goBack = ['store', 'migrate', '--from', to, '--to', back];
    expect(await stoaCommand(goBack)).toMatchObject({ code: 6, stderr: expect.stringContaining('--offline') });
    await Promise.all(nodes.map((node) => node.end('SIGTERM')));
    expect(await stoaCommand([...goBack, '--offline'])).toMatchObject({ code: 0 });
    const single = new StoaProcess({ config: back, services: ['all'] });
    nodes.push(single);
    await single.start();
    for (const [name, content] of [
      ['bob', before.inbox],
      ['alice', latest],
    ] as const) {
      const client = await connect({ ...place, account: account(name) });
      expect(await contentOf(client, 'INBOX')).toEqual(content);
      await client.logout();
    }
  });
});
