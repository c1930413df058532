import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imapClient, sender } from '../support/clients.ts';
import { LineClient } from '../support/line-client.ts';
import { SHAPES, Stoa } from '../support/stoa.ts';

const MIB = 1024 * 1024;
const SIZE = 20 * MIB;
const AT_ONCE = 20;
/** What a process may grow by while so many such messages come in at once: half of what they are together. */
const GROWTH = (AT_ONCE * SIZE) / 2;
const SERVICES = ['store-router', 'smtp', 'imap'] as const;

/** A message of lines, about as many octets as asked for. */
function bigMessage(subject: string): Buffer {
  const line = (octets: Buffer) => `${octets.toString('base64')}\r\n`;
  const block = Array.from({ length: 1024 }, () => line(randomBytes(54))).join('');
  const header = `From: out@elsewhere.test\r\nTo: alice@example.test\r\nSubject: ${subject}\r\n\r\n.dot\r\n`;
  return Buffer.from(header + block.repeat(Math.ceil(SIZE / block.length)));
}

/** Most memory that a process had resident so far. */
function peakOf(pid: number): number {
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024;
}

async function write(client: LineClient, octets: Uint8Array | string): Promise<void> {
  if (!client.socket.write(octets)) await once(client.socket, 'drain');
}

/** Sends a message by BDAT in chunks (RFC 3030). */
async function sendByChunks(port: number, message: Buffer): Promise<void> {
  const client = new LineClient(port);
  expect(await client.line()).toMatch(/^220 /);
  await write(client, 'EHLO client.test\r\n');
  expect(await client.until('250 ')).toContain('250-CHUNKING');
  expect(await client.say(`MAIL FROM:<out@elsewhere.test> SIZE=${message.length}`)).toMatch(/^250 /);
  expect(await client.say('RCPT TO:<alice@example.test>')).toMatch(/^250 /);
  for (let at = 0; at < message.length; at += MIB) {
    const chunk = message.subarray(at, at + MIB);
    await write(client, `BDAT ${chunk.length}${at + MIB >= message.length ? ' LAST' : ''}\r\n`);
    await write(client, chunk);
    expect(await client.line()).toMatch(/^250 /);
  }
  expect(await client.say('QUIT')).toMatch(/^221 /);
  client.socket.destroy();
}

describe.each(SHAPES)('a message of 20 MiB, %s', (shape) => {
  let stoa: Stoa;

  beforeAll(async () => {
    stoa = await Stoa.start(shape);
    await stoa.provision('alice', 'bob');
  });
  afterAll(async () => stoa[Symbol.asyncDispose]());

  const pids = () => SERVICES.flatMap((service) => stoa.pids(service));

  const sendByData = (raw: Buffer, to = 'alice') =>
    sender(stoa).sendMail({ envelope: { from: 'out@elsewhere.test', to: [`${to}@example.test`] }, raw });

  it('comes by DATA, BDAT and APPEND and is read back byte for byte', async () => {
    const messages = ['data', 'bdat', 'append'].map(bigMessage) as [Buffer, Buffer, Buffer];
    await sendByData(messages[0]);
    await sendByChunks(stoa.port('smtp'), messages[1]);
    const client = await imapClient(stoa, 'alice');
    await client.append('INBOX', messages[2]);
    await client.mailboxOpen('INBOX');
    for (const [i, sent] of messages.entries()) {
      const found = await client.fetchOne(String(i + 1), { source: true });
      if (found === false || found.source === undefined) throw new Error(`there is no message ${i + 1}`);
      // A delivery puts Return-Path and Received on top; an APPEND nothing.
      expect(found.source.subarray(-sent.length).equals(sent)).toBe(true);
      expect(found.source.length - sent.length).toBeLessThan(i === 2 ? 1 : 1024);
    }
    await client.logout();
  });

  it('does not stand in memory, though many come at once', async () => {
    const message = bigMessage('many');
    await sendByData(message, 'bob');
    const before = pids().map(peakOf);
    await Promise.all(Array.from({ length: AT_ONCE }, () => sendByData(message, 'bob')));
    const growth = pids().map((pid, i) => peakOf(pid) - (before[i] as number));
    expect(Math.max(...growth)).toBeLessThan(GROWTH);
    const client = await imapClient(stoa, 'bob');
    expect(await client.status('INBOX', { messages: true })).toMatchObject({ messages: AT_ONCE + 1 });
    await client.logout();
  });
});
