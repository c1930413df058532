import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { createChannel, createGrpcClient } from '@stoa/contracts';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { TestAuthority, type TestPair } from '../../test/certificates.ts';
import { quotaContract } from '../../test/fake-services.ts';
import { recordingLogger } from '../../test/recording-logger.ts';
import { bind } from '../service.ts';
import { channelCredentials } from './credentials.ts';
import { ContractServer } from './grpc-server.ts';
import { WatchedCertificates } from './watched-certificates.ts';

const folder = mkdtempSync(join(tmpdir(), 'stoa-cluster-tls-'));
const HOSTS = ['DNS:localhost', 'IP:127.0.0.1'];
const WAIT = { timeout: 10_000, interval: 50 };
let authority: TestAuthority;
const ends: (() => unknown)[] = [];

beforeAll(() => {
  authority = new TestAuthority(folder);
});
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Files of a process, which may be replaced by those of another authority or pair. */
function files(name: string, of: TestAuthority, pair: TestPair) {
  const made = {
    ca: join(folder, `${name}-ca.pem`),
    cert: join(folder, `${name}.pem`),
    key: join(folder, `${name}-key.pem`),
  };
  const set = (by: TestAuthority, other: TestPair) => {
    copyFileSync(by.ca, made.ca);
    copyFileSync(other.key, made.key);
    copyFileSync(other.cert, made.cert);
  };
  set(of, pair);
  return { ...made, set };
}

async function serve(tls: { ca: string; cert: string; key: string }) {
  const logger = recordingLogger();
  const server = new ContractServer(logger);
  server.add({ ...bind(quotaContract, { getQuota: async () => ({ limitBytes: 7 }) }), owner: 'store-router' });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 }, tls);
  ends.push(() => server.stop(100));
  return { port, logger };
}

function client(port: number, tls: { ca: string; cert: string; key: string }) {
  const address = { host: '127.0.0.1', port };
  const channel = createChannel(`127.0.0.1:${port}`, channelCredentials(tls, address));
  ends.push(() => channel.close());
  return createGrpcClient(quotaContract, channel);
}

/** Serial number of the certificate that a server shows to a new connection. */
async function serialAt(port: number): Promise<string> {
  const socket = await new Promise<TLSSocket>((resolve, reject) => {
    const options = { port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] };
    const made: TLSSocket = connect(options, () => resolve(made));
    made.on('error', reject);
  });
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

describe('the certificates between processes', () => {
  it('are shown anew by a server whose files changed, while its connections stand', async () => {
    const own = files('server', authority, authority.issue('server-one', HOSTS));
    const { port, logger } = await serve(own);
    const standing = client(port, files('client', authority, authority.issue('client-one', ['DNS:client'])));
    expect(await standing.getQuota({})).toMatchObject({ limitBytes: 7 });
    const before = await serialAt(port);

    // Half of a new pair changes nothing.
    copyFileSync(authority.issue('server-two', HOSTS).cert, own.cert);
    await vi.waitFor(() => expect(logger.lines.filter(({ level }) => level === 'warn')).toHaveLength(1), WAIT);
    expect(await serialAt(port)).toBe(before);

    own.set(authority, authority.issue('server-three', HOSTS));
    await vi.waitFor(async () => expect(await serialAt(port)).not.toBe(before), WAIT);
    expect(await standing.getQuota({})).toMatchObject({ limitBytes: 7 });
  });

  it.each([
    ['another address', ['IP:127.0.0.99']],
    ['only a name', ['DNS:localhost']],
    ['the name that is indicated for all addresses', ['DNS:stoa.invalid']],
  ])('are refused by who reached an address when they hold %s', async (what, hosts) => {
    const name = what.replaceAll(' ', '-');
    const { port } = await serve(files(name, authority, authority.issue(name, hosts)));
    const caller = client(port, files(`${name}-client`, authority, authority.issue(`${name}-client`, ['DNS:client'])));
    await expect(caller.getQuota({}, { timeoutMs: 500 })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/does not match certificate|altnames/),
    });
  });

  it('may come from another authority, once both sides have it', async () => {
    const next = new TestAuthority(folder, 'next');
    const server = files('moving-server', authority, authority.issue('moving-one', HOSTS));
    const near = files('moving-client', authority, authority.issue('moving-client-one', ['DNS:client']));
    const { port, logger } = await serve(server);
    expect(await client(port, near).getQuota({})).toMatchObject({ limitBytes: 7 });
    const before = await serialAt(port);

    server.set(next, next.issue('moving-two', HOSTS));
    await vi.waitFor(async () => expect(await serialAt(port)).not.toBe(before), WAIT);
    expect(logger.lines.some(({ level }) => level === 'info')).toBe(true);
    const caller = client(port, near);
    await expect(caller.getQuota({}, { timeoutMs: 500 })).rejects.toMatchObject({ retryable: true });
    near.set(next, next.issue('moving-client-two', ['DNS:client']));
    // The same channel, whose next connection has the new certificate.
    await vi.waitFor(
      async () => expect(await caller.getQuota({}, { timeoutMs: 500 })).toMatchObject({ limitBytes: 7 }),
      WAIT,
    );
  });

  it('that cannot be used stop the start, with the file’s name', () => {
    const { cert } = authority.issue('lonely', HOSTS);
    const { key } = authority.issue('other', HOSTS);
    const options = { tlsKey: 'cluster.tls' };
    const refused = (ca: string, pem: string, private_: string, message: RegExp) =>
      expect(() => new WatchedCertificates({ ca, cert: pem, key: private_ }, options)).toThrow(message);
    refused(authority.ca, cert, key, /^cluster\.tls\.cert: .*lonely\.crt: /);
    refused(join(folder, 'none.pem'), cert, key, /^cluster\.tls\.ca: .*none\.pem/);
    const empty = join(folder, 'empty.pem');
    writeFileSync(empty, '');
    refused(authority.ca, empty, key, /^cluster\.tls\.cert: .*empty\.pem/);
  });
});
