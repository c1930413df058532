import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { areasOf, describeAreas, profileOf } from './cpu-profile.ts';
import { LineConnection } from './line-connection.ts';
import { newMessage } from './message.ts';
import { cpuMs } from './process-cpu.ts';
import { describeStatements, sum } from './statement-count.ts';

it('tells where a profile spent its time within a window, without what was idle', () => {
  const folder = mkdtempSync(join(tmpdir(), 'stoa-profile-'));
  try {
    const frame = (id: number, functionName: string, url: string) => ({ id, callFrame: { functionName, url } });
    const profile = {
      nodes: [
        frame(1, '(idle)', ''),
        frame(2, 'call', 'file:///x/node_modules/@grpc/grpc-js/build/src/client.js'),
        frame(3, 'deliver', 'file:///x/services/store-router/src/mail/deliver.ts'),
      ],
      startTime: 1000,
      samples: [2, 1, 3, 2],
      timeDeltas: [100, 100, 300, 100],
    };
    const file = join(folder, 'CPU.20260101.120000.4711.0.001.cpuprofile');
    writeFileSync(file, JSON.stringify(profile));
    expect(profileOf(folder, 4711)).toBe(file);
    expect(profileOf(folder, 4712)).toBeUndefined();
    const areas = areasOf([file], 1150, 1600);
    expect(areas).toEqual([
      ['services', 0.75],
      ['grpc-js', 0.25],
    ]);
    expect(describeAreas(areas)).toBe('services 75%, grpc-js 25%');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

it('describes statements by what they were', () => {
  const statements = { commit: 10, get: 25, scan: 0, other: 0 };
  expect(sum(statements)).toBe(35);
  expect(describeStatements(statements, 10)).toBe('1.00 commit, 2.50 get');
  expect(describeStatements({ ...statements, commit: 0, get: 0 }, 10)).toBe('none');
});

it('reads lines however they arrive, and says when the connection ended', async () => {
  const server = createServer((socket) => {
    socket.write('first\r\nsec');
    socket.once('data', () => socket.end('ond\r\nthird\r\n'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const connection = await LineConnection.open((server.address() as { port: number }).port);
  expect(await connection.line()).toBe('first');
  connection.write('go on\r\n');
  expect([await connection.line(), await connection.line()]).toEqual(['second', 'third']);
  await expect(connection.line()).rejects.toThrow('ended');
  connection.close();
  await new Promise((resolve) => server.close(resolve));
});

it('makes messages that differ, no larger than asked for', () => {
  const [one, other] = [newMessage(4096), newMessage(4096)];
  expect(one.equals(other)).toBe(false);
  expect(one.length).toBeLessThanOrEqual(4096);
  expect(one.length).toBeGreaterThan(4096 - 128);
});

it.runIf(process.platform === 'linux')('reads the processor time of a process', () => {
  const before = cpuMs(process.pid);
  expect(before).toBeGreaterThan(0);
  expect(cpuMs(process.pid)).toBeGreaterThanOrEqual(before);
});
