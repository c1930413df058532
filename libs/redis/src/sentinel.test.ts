import { createServer, type Server } from 'node:net';
import { camelKeys } from '@stoa/config-values';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { checkConnection, connectionShape } from './config.ts';
import { findMaster } from './sentinel.ts';
import { readSettings } from './settings.ts';

const schema = z
  .strictObject({ ...connectionShape })
  .superRefine(checkConnection)
  .transform(camelKeys);

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

/** Answers like a Sentinel that believes in this master, or with an error; silent without an answer. */
async function fakeSentinel(answer?: { port: number; epoch: number } | string): Promise<string> {
  const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (octets) => {
      const text = octets.toString();
      const replies: [number, string][] = [];
      for (const { index } of text.matchAll(/\r\nhello\r\n/gi)) replies.push([index, '%1\r\n$5\r\nproto\r\n:3\r\n']);
      for (const { index } of text.matchAll(/\r\nsetname\r\n/gi)) replies.push([index, '+OK\r\n']);
      for (const { index } of text.matchAll(/\r\nSENTINEL\r\n/g)) {
        if (typeof answer === 'string') replies.push([index, `-${answer}\r\n`]);
        if (typeof answer !== 'object') continue;
        const fields = ['ip', '10.0.0.1', 'port', String(answer.port), 'config-epoch', String(answer.epoch)];
        replies.push([index, `*${fields.length}\r\n${fields.map(bulk).join('')}`]);
      }
      socket.write(
        replies
          .sort(([a], [b]) => a - b)
          .map(([, reply]) => reply)
          .join(''),
      );
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as { port: number }).port}`;
}

async function ask(...answers: Parameters<typeof fakeSentinel>[0][]) {
  const sentinels = await Promise.all(answers.map((answer) => fakeSentinel(answer)));
  const config = schema.parse({ sentinels, master: 'mail', 'command-timeout': '300ms', 'connect-timeout': '1000ms' });
  return findMaster(await readSettings(config, { dataDirectory: '.', nodeId: 'test' }));
}

describe('findMaster', () => {
  const old = { port: 1, epoch: 1 };
  const newer = { port: 2, epoch: 2 };

  it('takes what all say', async () => {
    expect(await ask(newer, newer, newer)).toEqual({ host: '10.0.0.1', port: 2 });
  });

  it('takes the newest failover: one Sentinel is cut off from the others, one is silent', async () => {
    expect(await ask(old, newer, undefined)).toEqual({ host: '10.0.0.1', port: 2 });
  });

  it('takes the only one that answers', async () => {
    expect(await ask(undefined, 'ERR broken', old)).toEqual({ host: '10.0.0.1', port: 1 });
  });

  it('rejects with what a Sentinel says before what a network says', async () => {
    await expect(ask(undefined, 'ERR No such master with that name')).rejects.toThrow('No such master');
    await expect(ask(undefined, undefined)).rejects.toThrow();
  });
});
