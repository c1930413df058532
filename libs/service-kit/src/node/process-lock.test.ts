import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { lockDataDirectory } from './process-lock.ts';

const root = mkdtempSync(join(tmpdir(), 'stoa-lock-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let count = 0;
const folder = () => join(root, String(count++));

it('a data folder is one process’s, service by service', () => {
  const path = folder();
  const release = lockDataDirectory(path, ['imap', 'smtp']);
  expect(() => lockDataDirectory(path, ['roles', 'smtp'])).toThrow(/the smtp service already runs on .*process \d+/);
  // What the failed attempt took is free again.
  lockDataDirectory(path, ['roles'])();
  release();
  release();
  lockDataDirectory(path, ['smtp'])();
  expect(existsSync(join(path, 'smtp.lock'))).toBe(false);
});

it('a lock of a process that is gone is taken over', async () => {
  const path = folder();
  const gone = spawn(process.execPath, ['-e', '']);
  await new Promise((resolve) => gone.once('exit', resolve));
  lockDataDirectory(path, [])();
  writeFileSync(join(path, 'imap.lock'), `${gone.pid}\n`);
  lockDataDirectory(path, ['imap'])();
});

it.runIf(process.platform === 'linux')(
  'a lock of a process that has ended and is not waited for is taken over',
  async () => {
    const path = folder();
    lockDataDirectory(path, [])();
    const parent = spawn('sh', ['-c', 'sleep 0.5 & echo $!; exec sleep 60']);
    try {
      const [pid] = (await once(parent.stdout, 'data')) as [Buffer];
      const state = () => readFileSync(`/proc/${pid.toString().trim()}/stat`, 'utf8');
      // The shell has become a program that waits for no child.
      await expect.poll(state, { timeout: 10_000 }).toMatch(/\) Z /);
      writeFileSync(join(path, 'imap.lock'), pid);
      lockDataDirectory(path, ['imap'])();
    } finally {
      parent.kill('SIGKILL');
    }
  },
);

it('workers of a node have locks of their own', () => {
  const path = folder();
  const releases = [undefined, 1, 2].map((worker) => lockDataDirectory(path, ['imap'], worker));
  expect(() => lockDataDirectory(path, ['imap'], 2)).toThrow(/already runs/);
  for (const release of releases) release();
});

it('a lock of a process that lives holds; one of an earlier process with its number does not', () => {
  const path = folder();
  lockDataDirectory(path, [])();
  const lock = join(path, 'imap.lock');
  writeFileSync(lock, `${process.ppid}\n`);
  expect(() => lockDataDirectory(path, ['imap'])).toThrow(/already runs/);
  if (process.platform !== 'linux') return;
  writeFileSync(lock, `${process.ppid} earlier-boot:1\n`);
  const release = lockDataDirectory(path, ['imap']);
  expect(readFileSync(lock, 'utf8')).toContain(String(process.pid));
  release();
});
