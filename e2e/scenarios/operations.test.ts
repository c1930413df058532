import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Ended, stoaCommand } from '../support/commands.ts';
import { Stoa } from '../support/stoa.ts';

const WAIT = { timeout: 20_000, interval: 100 };
const folder = mkdtempSync(join(tmpdir(), 'stoa-operations-'));
const secret = join(folder, 'secret');
const environment = { STOA_CLUSTER__SECRET_FILE: JSON.stringify(secret) };
let stoa: Stoa;

beforeAll(async () => {
  writeFileSync(secret, 'a secret of the cluster, long enough for all');
  stoa = await Stoa.start('cluster', { environment });
  await stoa.eventsFlow();
});
afterAll(async () => {
  await stoa?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** A command with the configuration of the first node. */
const command = (...args: string[]): Promise<Ended> =>
  stoaCommand([...args, '--config', join(stoa.folder, 'stoa.toml')], { env: environment });

/** A client of the third node that has read the greeting. */
function greeted(): Promise<TLSSocket> {
  const [host, port] = stoa.address('imaps').split(':') as [string, string];
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({
      host,
      port: Number(port),
      servername: 'shared.test',
      rejectUnauthorized: false,
    });
    socket.once('data', () => resolve(socket));
    socket.once('error', reject);
  });
}

describe('the operation of three nodes', () => {
  it('a certificate that was put at one is shown by another', async () => {
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
        ...['-subj', '/CN=shared.test', '-keyout', key, '-out', cert],
      ],
      { stdio: 'ignore' },
    );
    expect(await command('certificate', 'put', '--cert', cert, '--key', key)).toMatchObject({ code: 0 });
    await vi.waitFor(async () => {
      const socket = await greeted();
      const { subject } = socket.getPeerCertificate();
      socket.destroy();
      expect(subject.CN).toBe('shared.test');
    }, WAIT);
    expect((await command('certificate', 'list')).stdout).toContain('shared.test');
  });

  it('the state of the cluster is seen, and a node drained', async () => {
    const before = await command('cluster', 'status', '--json');
    expect(JSON.parse(before.stdout)).toMatchObject({ healthy: true, bus: [{ connected: true }] });
    const socket = await greeted();
    const farewell = new Promise<string>((resolve) => socket.once('data', (data) => resolve(data.toString())));
    const drained = await command('cluster', 'drain', '3');
    expect(drained).toMatchObject({ code: 0 });
    expect(await farewell).toMatch(/^\* BYE /);
    await expect(greeted()).rejects.toThrow();
    const { nodes } = JSON.parse((await command('cluster', 'nodes', '--json')).stdout);
    expect(nodes.map((node: { node: string; drained: boolean }) => [node.node, node.drained])).toEqual([
      ['1', false],
      ['2', false],
      ['3', true],
    ]);
    expect((await command('cluster', 'drain', '9')).code).toBe(4);
  });
});
