import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Logger } from '@stoa/service-kit';
import { afterEach, describe, expect, it } from 'vitest';
import { Distributor } from './distributor.ts';
import { FakeWorker } from './fake-worker.test-support.ts';
import type { ToWorker } from './messages.ts';

type Connection = ToWorker & { type: 'connection' };

const clients: Socket[] = [];
const distributors: Distributor[] = [];
afterEach(() => {
  for (const distributor of distributors.splice(0)) distributor.close();
  for (const client of clients.splice(0)) client.destroy();
});

function made() {
  const distributor = new Distributor({ error() {} } as unknown as Logger);
  distributors.push(distributor);
  return distributor;
}

/** Resolves with the next message of a kind that the worker is told. */
async function next<T extends ToWorker['type']>(worker: FakeWorker, type: T): Promise<ToWorker & { type: T }> {
  for (;;) {
    const [message] = (await once(worker, 'told')) as [ToWorker];
    if (message.type === type) return message as ToWorker & { type: T };
  }
}

async function join(distributor: Distributor, service = 'imap', port = 0): Promise<[worker: FakeWorker, port: number]> {
  const worker = new FakeWorker();
  distributor.add(worker.worker);
  const listening = next(worker, 'listening');
  worker.say({ type: 'listen', port: `${service}/x`, service, address: { host: '127.0.0.1', port } });
  return [worker, (await listening).address.port];
}

function client(port: number): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  clients.push(socket);
  return socket;
}

/** A client arrives; resolves with who got it and what was said. */
async function arrive(port: number, workers: readonly FakeWorker[]): Promise<[index: number, message: Connection]> {
  const handed = workers.map((worker, i) =>
    next(worker, 'connection').then((message): [number, Connection] => [i, message]),
  );
  client(port);
  return Promise.race(handed);
}

describe('the distributor', () => {
  it('hands each connection to the worker with the fewest, and says how many the others have', async () => {
    const distributor = made();
    const [one, port] = await join(distributor);
    const [two, same] = await join(distributor);
    expect(same).toBe(port);
    const got: [number, number, number][] = [];
    for (let i = 0; i < 4; i++) {
      const [index, { total, ofAddress }] = await arrive(port, [one, two]);
      got.push([index, total, ofAddress]);
    }
    expect(got).toEqual([
      [0, 0, 0],
      [1, 1, 1],
      [0, 1, 1],
      [1, 2, 2],
    ]);
    const [first, third] = one.told.filter((message) => message.type === 'connection') as [Connection, Connection];
    for (const { connection } of [first, third]) one.say({ type: 'closed', connection });
    expect((await arrive(port, [one, two])).map((part) => (typeof part === 'number' ? part : part.ofAddress))).toEqual([
      0, 2,
    ]);
  });

  it('counts the services apart', async () => {
    const distributor = made();
    const [one, imap] = await join(distributor, 'imap');
    const [two, smtp] = await join(distributor, 'smtp');
    await arrive(imap, [one]);
    const [, { total }] = await arrive(smtp, [two]);
    expect(total).toBe(0);
  });

  it('closes what a worker had not taken when it died: no client waits for ever', async () => {
    const distributor = made();
    const [one, port] = await join(distributor);
    const handed = next(one, 'connection');
    const waiting = client(port);
    waiting.resume();
    await handed;
    const closed = once(waiting, 'close');
    one.exit(null, 'SIGKILL');
    await closed;
  });

  it('keeps clients waiting while no worker lives, on the same port, for the next', async () => {
    const distributor = made();
    const [one, port] = await join(distributor);
    one.exit(null, 'SIGKILL');
    const early = client(port);
    await once(early, 'connect');
    const [two, same] = await join(distributor, 'imap', port);
    expect(same).toBe(port);
    if (!two.told.some(({ type }) => type === 'connection')) await next(two, 'connection');
    const [, { total }] = await arrive(port, [two]);
    expect(total).toBe(0);
  });

  it('closes the port when the last worker wants no more', async () => {
    const distributor = made();
    const [one, port] = await join(distributor);
    const [two] = await join(distributor);
    one.say({ type: 'unlisten', port: 'imap/x' });
    expect((await arrive(port, [one, two]))[0]).toBe(1);
    two.say({ type: 'unlisten', port: 'imap/x' });
    const refused = client(port);
    const [error] = (await once(refused, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('ECONNREFUSED');
  });

  it('tells a worker why a port cannot be opened', async () => {
    const distributor = made();
    const [, port] = await join(distributor);
    const other = made();
    const worker = new FakeWorker();
    other.add(worker.worker);
    const refused = next(worker, 'refused');
    worker.say({ type: 'listen', port: 'imap/x', service: 'imap', address: { host: '127.0.0.1', port } });
    expect(await refused).toMatchObject({ code: 'EADDRINUSE' });
  });
});
