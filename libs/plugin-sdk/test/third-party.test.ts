import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const here = dirname(fileURLToPath(import.meta.url));
const sdk = dirname(here);
const modules = join(sdk, '../../node_modules');

const workshop = mkdtempSync(join(tmpdir(), 'stoa-third-party-'));
const tarballs = join(workshop, 'tarballs');
const site = join(workshop, 'site');

/** A shell of its own: nothing of this repository or of the running tests reaches in. */
const environment = { PATH: `${dirname(process.execPath)}:${process.env['PATH']}`, HOME: workshop };

function npm(args: string[], cwd: string) {
  return run('npm', [...args, '--offline', '--no-audit', '--no-fund', '--loglevel=error'], { cwd, env: environment });
}

async function packDriver(name: string, source: string, dependencies: Record<string, string>): Promise<void> {
  const folder = join(workshop, name);
  mkdirSync(folder);
  cpSync(join(here, 'third-party', source), join(folder, 'index.js'));
  const manifest = { name, version: '2.3.4', type: 'module', exports: './index.js', peerDependencies: dependencies };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  await npm(['pack', '--pack-destination', tarballs], folder);
}

async function verify(name: string, config: object): Promise<{ passed: boolean; count: number; failed: string[] }> {
  const args = ['verify.js', name, JSON.stringify(config)];
  const { stdout } = await run(process.execPath, args, { cwd: site, env: environment });
  return JSON.parse(stdout);
}

beforeAll(async () => {
  mkdirSync(tarballs);
  mkdirSync(site);
  // The scripts of these three have run when they were published, or run here (prepack builds the SDK).
  await npm(['pack', '--pack-destination', tarballs], sdk);
  for (const name of ['fast-check', 'pure-rand']) {
    await npm(['pack', join(modules, name), '--ignore-scripts', '--pack-destination', tarballs], workshop);
  }
  await packDriver('stoa-driver-data-log', 'data-log.js', { '@stoa/plugin-sdk': '^0.1.0' });
  await packDriver('stoa-driver-bus-plain', 'bus-plain.js', {});
  writeFileSync(join(site, 'package.json'), JSON.stringify({ name: 'site', private: true, type: 'module' }));
  const files = readdirSync(tarballs).map((file) => join(tarballs, file));
  await npm(['install', '--ignore-scripts', ...files], site);
  for (const file of ['verify.js', 'consumer.ts']) cpSync(join(here, 'third-party', file), join(site, file));
}, 60_000);

afterAll(() => rmSync(workshop, { recursive: true, force: true }));

describe('a driver package from outside, packed and installed', () => {
  it('passes the suite in plain node: a data store in JavaScript, also when it is killed', async () => {
    const { passed, count, failed } = await verify('stoa-driver-data-log', { folder: join(workshop, 'log') });
    expect(failed).toEqual([]);
    expect(passed).toBe(true);
    expect(count).toBeGreaterThan(20);
  }, 60_000);

  it('passes the suite with no dependency at all, by its brand', async () => {
    const { passed, failed } = await verify('stoa-driver-bus-plain', {});
    expect(failed).toEqual([]);
    expect(passed).toBe(true);
  });

  it('is told when its configuration is wrong', async () => {
    const { passed, failed } = await verify('stoa-driver-data-log', {});
    expect(passed).toBe(false);
    expect(failed.join()).toContain('the configuration is refused');
  });

  it('compiles against the declarations of the package', async () => {
    const options = ['--module', 'nodenext', '--target', 'es2024', '--strict', '--noEmit', '--types', 'node'];
    const args = [
      join(modules, 'typescript/bin/tsc'),
      ...options,
      '--typeRoots',
      join(modules, '@types'),
      'consumer.ts',
    ];
    await expect(run(process.execPath, args, { cwd: site, env: environment })).resolves.toMatchObject({ stdout: '' });
  });
});
