import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TestAuthority } from '../../test/certificates.ts';
import { type FakeWorld, fakeServices } from '../../test/fake-services.ts';
import { readConfig } from '../config/load.ts';
import type { ServiceName } from '../service.ts';
import { createLogger } from '../telemetry/create-logger.ts';
import { type RunningNode, runNode } from './run-node.ts';

const root = mkdtempSync(join(tmpdir(), 'stoa-reload-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('a configuration that is read anew', () => {
  const file = join(root, 'stoa.toml');
  let world: FakeWorld;
  let node: RunningNode;
  let lines: { level: string; msg: string; applied?: string[]; restart?: string[]; error?: { message: string } }[];

  const write = (text: string) =>
    writeFileSync(file, `[node]\ndata-directory = "data"\n[http]\nlisten = "127.0.0.1:0"\n${text}`);

  const start = async (text: string, services: ServiceName[] = ['store-router', 'coordinator']) => {
    write(text);
    const fake = fakeServices();
    world = fake.world;
    const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
    const logger = createLogger({ level: 'info', nodeId: '1', destination });
    node = await runNode({ document: readConfig(file, {}), modules: fake.modules, services, version: '0', logger });
  };
  const reloads = () => world.log.filter((line) => line.includes('reload'));

  beforeEach(() => {
    lines = [];
  });
  afterEach(() => node.stop());

  it('is taken over where that is possible, and says what needs a restart', async () => {
    await start('[store-router]\nlimit = 1');
    write(
      '[store-router]\nlimit = 2\nfixed = 5\n[coordinator]\nlimit = 9\n[imap]\nlimit = 3\n[telemetry]\nsample-ratio = 0.5',
    );
    const expected = {
      applied: ['coordinator.limit', 'store-router.limit'],
      restart: ['store-router.fixed', 'telemetry.sample-ratio'],
    };
    expect(await node.reload('test')).toEqual(expected);
    expect(reloads().sort()).toEqual(['coordinator reload 9', 'store-router reload 2']);
    expect(lines).toContainEqual(expect.objectContaining({ msg: 'the configuration was read anew', ...expected }));
    // What holds already is not taken over again; what waits for the restart waits on.
    expect(await node.reload('test')).toEqual({ applied: [], restart: expected.restart });
    expect(reloads()).toHaveLength(2);
    const metrics = await (await fetch(`http://${node.addresses['http']}/metrics`)).text();
    expect(metrics).toMatch(/^stoa_config_restart_needed\S* 2/m);
    expect(metrics).toMatch(/^stoa_config_reloads_total\{result="applied"[^}]*\} 2/m);
  });

  it('is refused whole when a part is wrong, and all stays as it was', async () => {
    await start('[store-router]\nlimit = 1');
    write('[store-router]\nlimit = 2\n[imap]\nlimit = "many"');
    await expect(node.reload('test')).rejects.toMatchObject({ code: 'invalid-configuration' });
    write('[store-router');
    await expect(node.reload('test')).rejects.toMatchObject({ code: 'invalid-configuration' });
    rmSync(file);
    await expect(node.reload('test')).rejects.toMatchObject({ code: 'invalid-configuration' });
    expect(reloads()).toEqual([]);
    const told = lines.filter(({ level }) => level === 'error').map(({ error }) => error?.message);
    expect(told).toEqual([
      expect.stringContaining('imap.limit'),
      expect.stringContaining('stoa.toml:5'),
      expect.any(String),
    ]);
    const metrics = await (await fetch(`http://${node.addresses['http']}/metrics`)).text();
    expect(metrics).toMatch(/^stoa_config_reloads_total\{result="refused"[^}]*\} 3/m);
  });

  it('sets the level of every logger', async () => {
    await start('');
    const child = node.logger.child({ component: 'x' });
    child.debug({}, 'before');
    write('[telemetry]\nlog-level = "debug"');
    expect(await node.reload('test')).toEqual({ applied: ['telemetry.log-level'], restart: [] });
    child.debug({}, 'after');
    const said = lines.map(({ msg }) => msg);
    expect(said).toContain('after');
    expect(said).not.toContain('before');
  });

  it('brings other certificates, if they can be used', async () => {
    const authority = new TestAuthority(root);
    const section = ({ cert, key }: { cert: string; key: string }) =>
      `[tls]\ncertificates = [{ cert = ${JSON.stringify(cert)}, key = ${JSON.stringify(key)} }]`;
    const [one, other] = [authority.issue('one', ['DNS:one.test']), authority.issue('other', ['DNS:other.test'])];
    await start(section(one));
    const { certificates } = [...world.contexts.values()][0] as {
      certificates: { secureContext(name: string): unknown };
    };
    const before = certificates.secureContext('other.test');
    write(section({ cert: other.cert, key: one.key }));
    await expect(node.reload('test')).rejects.toMatchObject({ code: 'invalid-configuration' });
    expect(certificates.secureContext('other.test')).toBe(before);
    write(section(other));
    expect(await node.reload('test')).toEqual({ applied: ['tls.certificates'], restart: [] });
    expect(certificates.secureContext('other.test')).not.toBe(before);
  });

  it('is read when an event of any node says so', async () => {
    await start('');
    write('[store-router]\nlimit = 2');
    await vi.waitFor(() => {
      world.say({ $case: 'configurationChanged', value: {} });
      expect(reloads()).toEqual(['store-router reload 2']);
    });
    expect(lines).toContainEqual(expect.objectContaining({ cause: 'event of node n2' }));
  });
});
