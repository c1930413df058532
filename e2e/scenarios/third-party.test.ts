import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { storage } from '@stoa/contracts';
import { generatePython, type PythonMemory, preparePython, startPythonMemory } from '@stoa/test-servers';
import { createTransport } from 'nodemailer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freeNodes, LocalCluster, type Node } from '../../tools/cluster/local-cluster.ts';
import { clusterClient } from '../support/cluster-client.ts';
import { IdleView } from '../support/idle-view.ts';
import { connect } from '../support/load.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const main = join(root, 'apps/stoa/src/main.ts');
const PASSWORD = 'a good password';
const ALICE = 'alice@example.test';

let python = '';
let lack = '';
try {
  python = await preparePython();
} catch (error) {
  if (process.env['CI'] !== undefined) throw error;
  lack = `: skipped, there is no Python with grpcio (${(error as Error).message.split('\n')[0]})`;
}

describe.skipIf(lack !== '')(`drivers of others${lack}`, () => {
  /** Nothing of the repository is above it, so only what npm put there is found. */
  const site = mkdtempSync(join(tmpdir(), 'stoa-site-'));
  let memory: PythonMemory;
  let cluster: LocalCluster | undefined;

  const npm = (args: readonly string[], cwd: string) =>
    run('npm', [...args, '--offline', '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd,
      env: { PATH: `${dirname(process.execPath)}:${process.env['PATH']}`, HOME: site },
    });
  const stoa = (...args: string[]) =>
    run(process.execPath, ['--conditions=stoa-source', main, ...args], { cwd: site, maxBuffer: 1 << 24 });

  beforeAll(async () => {
    const tarballs = join(site, 'tarballs');
    mkdirSync(tarballs);
    const workshop = join(site, 'workshop');
    cpSync(join(root, 'examples/third-party'), workshop, { recursive: true });
    await npm(['pack', '--pack-destination', tarballs, './data-sqlite', './bus-sockets'], workshop);
    await npm(['pack', '--pack-destination', tarballs], join(root, 'libs/plugin-sdk'));
    for (const name of ['fast-check', 'pure-rand']) {
      await npm(['pack', join(root, 'node_modules', name), '--ignore-scripts', '--pack-destination', tarballs], site);
    }
    rmSync(workshop, { recursive: true });
    writeFileSync(join(site, 'package.json'), JSON.stringify({ name: 'site', private: true, type: 'module' }));
    const files = readdirSync(tarballs).map((file) => join(tarballs, file));
    await npm(['install', '--ignore-scripts', ...files], site);
    // Stoa runs from its sources here, by a condition that nobody sets where packages are installed.
    const manifest = join(site, 'node_modules/@stoa/plugin-sdk/package.json');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replaceAll('"stoa-source"', '"stoa-source-elsewhere"'));
    await generatePython(python, join(site, 'gen'));
    memory = await startPythonMemory(python, join(site, 'gen'));
  });
  afterAll(async () => {
    await cluster?.stop('SIGKILL');
    await memory?.stop();
    rmSync(site, { recursive: true, force: true });
  });

  it('are found where npm put them', async () => {
    const listed = JSON.parse((await stoa('plugin', 'list', '--json')).stdout) as Record<string, string>[];
    expect(listed).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ package: 'stoa-data-sqlite', kind: 'data', name: 'sqlite' }),
        expect.objectContaining({ package: 'stoa-bus-sockets', kind: 'bus', name: 'sockets' }),
      ]),
    );
  });

  it('are verified by one command each, also one in another language', async () => {
    const verify = async (name: string, config: object, ...options: string[]) => {
      const { stdout } = await stoa('plugin', 'verify', name, '--config', JSON.stringify(config), '--json', ...options);
      return JSON.parse(stdout) as { passed: number; failed: number; results: { name: string }[] };
    };
    const spare = await startPythonMemory(python, join(site, 'gen'));
    const reports = [
      await verify('stoa-data-sqlite', { path: join(site, 'verify.db') }),
      await verify('stoa-bus-sockets', { folder: join(site, 'verify') }),
      await verify('remote', { address: spare.address }, '--kind', 'memory'),
    ];
    await spare.stop();
    for (const { passed, failed } of reports) {
      expect(failed).toBe(0);
      expect(passed).toBeGreaterThan(8);
    }
    // What only its process can tell, that others share the store, decides about tests as well.
    const remote = reports.at(-1)?.results.map(({ name }) => name);
    expect(remote).toContain('two instances on one store see each other');
  });

  it('carry a cluster: mail through one node is told, and read, on another', async () => {
    const toml = `
[data]
driver = "stoa-data-sqlite"
path = "${join(site, 'stoa.db')}"
[blob]
driver = "inline"
[blob.outer]
driver = "fs"
path = "${join(site, 'blobs')}"
[memory]
driver = "remote"
address = "${memory.address}"
[bus]
driver = "stoa-bus-sockets"
folder = "${join(site, 'bus')}"
`;
    // The configurations are in this folder, so drivers are looked for beside them.
    cluster = LocalCluster.prepare({ folder: site, nodes: await freeNodes(2), toml });
    await cluster.startAll();
    await using directory = clusterClient(cluster, storage.DirectoryServiceDefinition);
    await directory.client.createDomain({ name: 'example.test' });
    await directory.client.createAccount({ address: ALICE, password: PASSWORD });
    const [first, second] = cluster.nodes as [Node, Node];

    const { host, listeners } = second;
    const view = new IdleView({ host, port: listeners.imaps, user: ALICE, password: PASSWORD, mailbox: 'INBOX' });
    await view.start();
    const transport = createTransport({
      host: first.host,
      port: first.listeners.smtp,
      tls: { rejectUnauthorized: false },
    });
    for (const subject of ['one', 'two', 'three']) {
      await transport.sendMail({ from: 'out@elsewhere.test', to: ALICE, subject, text: subject });
    }
    expect(await view.hasUid(3, 10_000)).toBe(true);
    await view.close();

    // What was acknowledged is there when every process was killed.
    await cluster.stop('SIGKILL');
    await cluster.startAll();
    const client = await connect({ node: second, account: ALICE, password: PASSWORD });
    await client.mailboxOpen('INBOX');
    const subjects: (string | undefined)[] = [];
    for await (const { envelope } of client.fetch('1:*', { envelope: true })) subjects.push(envelope?.subject);
    await client.logout();
    expect(subjects).toEqual(['one', 'two', 'three']);

    const { addresses } = cluster.process('1', 'store-router');
    const metrics = await (await fetch(`http://${addresses['http']}/metrics`)).text();
    expect(metrics).toMatch(/^stoa_driver_call_duration_count\{.*"stoa-data-sqlite"/m);
    expect(metrics).toMatch(/^stoa_driver_call_duration_count\{.*"remote"/m);
  });
});
