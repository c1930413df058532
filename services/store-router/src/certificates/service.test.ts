import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type coordinator, createInProcessClient, storage } from '@stoa/contracts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MemoryDataStore } from '../../test/support/memory-data-store.ts';
import { Leases } from '../lease/leases.ts';
import { certificateService } from './service.ts';

const folder = mkdtempSync(join(tmpdir(), 'stoa-certificates-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });

/** A certificate that signed itself, valid from a day on: "20260101". */
function make(day: string): string {
  writeFileSync(
    join(folder, 'ca.cnf'),
    '[ca]\ndefault_ca=own\n[own]\ndatabase=index\nnew_certs_dir=.\npolicy=any\ndefault_md=sha256\nrand_serial=yes\n[any]\ncommonName=supplied\n',
  );
  writeFileSync(join(folder, 'index'), '');
  openssl(
    ...['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=mail.test'],
    ...['-keyout', 'key.pem', '-out', 'request.pem'],
  );
  openssl(
    ...['ca', '-config', 'ca.cnf', '-batch', '-notext', '-selfsign', '-keyfile', 'key.pem', '-in', 'request.pem'],
    ...['-startdate', `${day}000000Z`, '-enddate', '20991231000000Z', '-out', 'cert.pem'],
  );
  return readFileSync(join(folder, 'cert.pem'), 'utf8');
}

let january: string;
let march: string;
beforeAll(() => {
  january = make('20260101');
  march = make('20260301');
});

let store: MemoryDataStore;
let events: NonNullable<coordinator.Event['kind']>[];
let leases: Leases;

beforeEach(() => {
  store = new MemoryDataStore();
  events = [];
  leases = new Leases(store, () => 1_000);
});

function client() {
  const service = certificateService({ store, leases, publish: (event) => void events.push(event), now: () => 1_000 });
  return createInProcessClient(storage.CertificateServiceDefinition, service);
}

const request = (chain: string, names = ['mail.test']) => ({
  names,
  chain,
  sealedKey: Uint8Array.of(1, 2, 3),
  source: 'a',
});

async function list(): Promise<storage.Certificate[]> {
  const found: storage.Certificate[] = [];
  for await (const { certificates } of client().listCertificates({})) found.push(...certificates);
  return found;
}

async function get(ids: string[]) {
  const found: storage.GetCertificatesResponse_StoredCertificate[] = [];
  for await (const { certificates } of client().getCertificates({ ids })) found.push(...certificates);
  return found;
}

describe('the certificates of the cluster', () => {
  it('are kept with their sealed key, and every node is told', async () => {
    const { stored, certificate } = await client().putCertificate(request(january, ['Mail.test', '*.Mail.test']));
    expect(stored).toBe(true);
    expect(certificate).toMatchObject({
      names: ['*.mail.test', 'mail.test'],
      notBefore: Date.UTC(2026, 0, 1),
      issuer: 'CN=mail.test',
      source: 'a',
      storedAt: 1_000,
    });
    expect(await list()).toEqual([certificate]);
    const [found] = await get([certificate?.id as string, 'no id', '0'.repeat(32)]);
    expect(found).toMatchObject({ certificate, chain: january });
    expect([...(found?.sealedKey ?? [])]).toEqual([1, 2, 3]);
    expect(events).toEqual([{ $case: 'certificateChanged', value: { names: ['*.mail.test', 'mail.test'] } }]);
  });

  it('are replaced by one that began to be valid later, and by no other', async () => {
    await client().putCertificate(request(march));
    const old = await client().putCertificate(request(january));
    expect(old).toMatchObject({ stored: false, certificate: { notBefore: Date.UTC(2026, 2, 1) } });
    expect((await client().putCertificate(request(march))).stored).toBe(false);
    expect(events).toHaveLength(1);
    // Of two of one day the later one counts.
    const twin = make('20260301');
    expect((await client().putCertificate(request(twin))).stored).toBe(true);
    expect(await list()).toHaveLength(1);
  });

  it('put at once by several nodes end with the newest', async () => {
    await Promise.all([january, march, january, march].map((chain) => client().putCertificate(request(chain))));
    expect(await list()).toMatchObject([{ notBefore: Date.UTC(2026, 2, 1) }]);
  });

  it('have one row for each set of names', async () => {
    await client().putCertificate(request(january, ['a.test', 'b.test']));
    await client().putCertificate(request(january, ['b.test', 'A.test']));
    await client().putCertificate(request(january, ['a.test']));
    expect((await list()).map(({ names }) => names.join()).sort()).toEqual(['a.test', 'a.test,b.test']);
  });

  it('of a role are put while its lease is its own', async () => {
    const { token } = await leases.acquire('acme', 'node', 60_000);
    const fence = { lease: 'acme', token };
    expect((await client().putCertificate({ ...request(january), fence })).stored).toBe(true);
    await leases.release('acme', 'node');
    await expect(client().putCertificate({ ...request(march), fence })).rejects.toMatchObject({ code: 'conflict' });
    expect(await list()).toMatchObject([{ notBefore: Date.UTC(2026, 0, 1) }]);
  });

  it('are removed, and an older one may come then', async () => {
    const { certificate } = await client().putCertificate(request(march));
    await client().deleteCertificate({ id: certificate?.id as string });
    expect(await list()).toEqual([]);
    expect(events).toHaveLength(2);
    expect((await client().putCertificate(request(january))).stored).toBe(true);
    await expect(client().deleteCertificate({ id: '0'.repeat(32) })).rejects.toMatchObject({ code: 'not-found' });
  });

  it.each([
    ['no name', { names: [] }],
    ['a name that is none', { names: ['mail test'] }],
    ['no certificate', { chain: 'no certificate' }],
    ['no key', { sealedKey: new Uint8Array() }],
    ['too long a chain', { chain: 'x'.repeat(300_000) }],
  ])('are refused with %s', async (_, change) => {
    await expect(client().putCertificate({ ...request(january), ...change })).rejects.toMatchObject({
      code: 'invalid-argument',
    });
    await expect(client().deleteCertificate({ id: 'x' })).rejects.toMatchObject({ code: 'invalid-argument' });
    expect(events).toEqual([]);
  });
});
