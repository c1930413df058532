import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storage } from '@stoa/contracts';
import { describe, expect, it, onTestFinished } from 'vitest';
import { harness, SENT } from '../../test/outbound/harness.ts';

const { QueueRecipient_Status: Status } = storage;

const SINK = '/usr/sbin/smtp-sink';
const isMissing = !existsSync(SINK) && process.env['CI'] === undefined;

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

async function answers(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const opened = await Promise.race([
      once(socket, 'data').then(() => true),
      once(socket, 'error').then(
        () => false,
        () => false,
      ),
    ]).catch(() => false);
    socket.destroy();
    if (opened) return;
  }
}

/** Postfix's test server, which writes each message it takes into a file. */
async function sink(...options: string[]): Promise<{ port: number; files(): string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'stoa-sink-'));
  const port = await freePort();
  const user = process.getuid?.() === 0 ? ['-u', 'root'] : [];
  const child: ChildProcess = spawn(SINK, ['-c', '-d', 'message.', ...user, ...options, `127.0.0.1:${port}`, '100'], {
    cwd: folder,
    stdio: 'ignore',
  });
  onTestFinished(async () => {
    if (child.exitCode === null) {
      child.kill();
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  });
  const failed = once(child, 'exit').then(() => Promise.reject(new Error('smtp-sink ended')));
  failed.catch(() => {});
  await Promise.race([answers(port), failed]);
  return { port, files: () => readdirSync(folder).map((name) => readFileSync(join(folder, name), 'latin1')) };
}

describe.skipIf(isMissing)('smtp-sink (of the package postfix)', () => {
  it('takes messages, with all it offers', async () => {
    const { port, files } = await sink();
    const { run, add, queue } = harness({ config: { port } });
    for (let i = 0; i < 5; i++) add([`a${i}@remote.test`, `b${i}@remote.test`]);
    await run(5);
    expect(queue.rows.size).toBe(0);
    await queue.reported(5);
    const messages = files().filter((text) => text.includes('hello'));
    expect(messages.length).toBe(5);
    const unstuffed = SENT.replace('\r\n..', '\r\n.').replaceAll('\r\n', '\n');
    for (const text of messages) expect(text.replaceAll('\r\n', '\n')).toContain(unstuffed);
  });

  it.each([
    ['-e', 'HELO only'],
    ['-p', 'no pipelining'],
  ])('%s (%s) takes messages too', async (option) => {
    const { port } = await sink(option);
    const { run, add, queue } = harness({ config: { port } });
    add();
    await run();
    expect(queue.reports[0]?.recipients).toMatchObject([{ status: Status.STATUS_DELIVERED }]);
  });

  it.each([
    ['-r', 'rcpt', Status.STATUS_PENDING],
    ['-r', '.', Status.STATUS_PENDING],
    ['-f', 'rcpt', Status.STATUS_FAILED],
    ['-f', '.', Status.STATUS_FAILED],
    ['-f', 'mail', Status.STATUS_FAILED],
    ['-q', 'data', Status.STATUS_PENDING],
    ['-q', '.', Status.STATUS_PENDING],
  ])('%s %s: the result is what it should be', async (option, command, status) => {
    const { port } = await sink(option, command);
    const { run, add, queue } = harness({ config: { port } });
    add();
    await run();
    expect(queue.reports[0]?.recipients).toMatchObject([{ status }]);
    expect(queue.notices.length).toBe(status === Status.STATUS_FAILED ? 1 : 0);
  });
});
