import { spawn } from 'node:child_process';
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
