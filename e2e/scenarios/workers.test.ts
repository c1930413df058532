import { storage } from '@stoa/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imapClient } from '../support/clients.ts';
import { LineClient } from '../support/line-client.ts';
import { Stoa } from '../support/stoa.ts';

const LIMIT = 6;

describe('two workers of one node', () => {
  let stoa: Stoa;

  beforeAll(async () => {
    stoa = await Stoa.start('workers', { environment: { STOA_IMAP__MAX_CONNECTIONS_PER_ADDRESS: String(LIMIT) } });
    await stoa.provision('alice');
  });
  afterAll(async () => stoa[Symbol.asyncDispose]());

  const open = async () => {
    const client = new LineClient(stoa.port('imap'));
    return { client, greeting: await client.line() };
  };
  const health = async () => {
    const response = await fetch(`http://${stoa.httpAddress('imap')}/health/ready`);
    return (await response.json()) as { status: string; workers: Record<string, string> };
  };
  /** Sessions that each worker has. */
  const sessions = async () => {
    const page = await (await fetch(`http://${stoa.httpAddress('imap')}/metrics`)).text();
    return [1, 2].map((worker) =>
      Number(new RegExp(`^stoa_imap_sessions\\{worker="${worker}".*\\} (\\d+)$`, 'm').exec(page)?.[1] ?? 0),
    );
  };

  it('share the connections evenly, and the limits on them', async () => {
    const clients = [];
    for (let i = 0; i < LIMIT; i++) clients.push(await open());
    expect(clients.map(({ greeting }) => greeting?.slice(0, 5))).toEqual(Array(LIMIT).fill('* OK '));
    expect(await sessions()).toEqual([LIMIT / 2, LIMIT / 2]);
    expect((await open()).greeting).toMatch(/^\* BYE Too many connections from your address/);
    clients.pop()?.client.socket.destroy();
    await expect
      .poll(async () => {
        const { client, greeting } = await open();
        client.socket.destroy();
        return greeting;
      })
      .toMatch(/^\* OK /);
    for (const { client } of clients) client.socket.destroy();
    await expect.poll(sessions).toEqual([0, 0]);
  });

  it('go on when one is killed, which is started again', async () => {
    const [one, two] = [await open(), await open()];
    await stoa.killWorker(0);
    const alive: unknown[] = [];
    for (const { client } of [one, two]) {
      client.socket.write('a NOOP\r\n');
      alive.push(await client.line());
    }
    expect(alive.filter((line) => line !== undefined)).toHaveLength(1);
    expect(await health()).toMatchObject({ status: 'degraded' });
    // Whoever comes meanwhile is served by the other.
    const three = await open();
    expect(three.greeting).toMatch(/^\* OK /);
    await stoa.ready();
    expect((await health()).workers).toEqual({ 1: 'ready', 2: 'ready' });
    const page = await (await fetch(`http://${stoa.httpAddress('imap')}/metrics`)).text();
    expect(page).toMatch(/^stoa_worker_restarts_total\{worker="1"\} 1$/m);
    for (const { client } of [one, two, three]) client.socket.destroy();
    await expect.poll(sessions).toEqual([0, 0]);
  });

  it('all hear of a password that is changed, and of a configuration that is read anew', async () => {
    const clients = [await imapClient(stoa, 'alice'), await imapClient(stoa, 'alice')];
    expect(await sessions()).toEqual([1, 1]);
    const ended = clients.map((client) => new Promise((resolve) => client.once('close', resolve)));
    const directory = stoa.client(storage.DirectoryServiceDefinition);
    await directory.updateAccount({ address: 'alice@example.test', password: 'another good one' });
    await Promise.all(ended);

    stoa.signal('SIGHUP');
    const anew = () => stoa.log('imap').filter((line) => line.includes('the configuration was read anew'));
    await expect.poll(() => anew().length).toBe(2);
    expect(new Set(anew().map((line) => (JSON.parse(line) as { worker: number }).worker))).toEqual(new Set([1, 2]));
  });
});
