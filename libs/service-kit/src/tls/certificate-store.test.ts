import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestAuthority } from '../../test/certificates.ts';
import { recordingLogger } from '../../test/recording-logger.ts';
import { FileCertificateStore } from './certificate-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'stoa-tls-'));
let authority: TestAuthority;
const logger = recordingLogger();

beforeAll(() => {
  authority = new TestAuthority(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Names in the certificate that a listener of the store shows for a server name. */
async function shown(store: FileCertificateStore, servername: string): Promise<string> {
  const server = createServer({ SNICallback: (name, done) => done(null, store.secureContext(name)) });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as { port: number };
    const socket = await new Promise<TLSSocket>((resolve, reject) => {
      const made: TLSSocket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, servername }, () =>
        resolve(made),
      );
      made.once('error', reject);
    });
    const { subjectaltname } = socket.getPeerCertificate();
    socket.destroy();
    return subjectaltname ?? '';
  } finally {
    server.close();
  }
}

describe('certificates from files', () => {
  it('are chosen by server name, exact before wildcard, the first by default', async () => {
    const one = authority.issue('one', ['DNS:mail.one.test']);
    const two = authority.issue('two', ['DNS:*.two.test', 'DNS:two.test']);
    const exact = authority.issue('exact', ['DNS:imap.two.test']);
    const store = new FileCertificateStore([one, two, exact], logger);
    expect(store.available).toBe(true);
    expect(await shown(store, 'MAIL.one.test')).toBe('DNS:mail.one.test');
    expect(await shown(store, 'imap.two.test')).toBe('DNS:imap.two.test');
    expect(await shown(store, 'smtp.two.test')).toContain('*.two.test');
    // A wildcard stands for one label.
    expect(store.secureContext('a.b.two.test')).toBe(store.secureContext(undefined));
    expect(store.secureContext('unknown.test')).toBe(store.secureContext(undefined));
  });

  it('follow configured names', () => {
    const plain = authority.issue('plain', ['DNS:plain.test']);
    const named = { ...authority.issue('named', ['DNS:other.test']), names: ['Wanted.test'] };
    const store = new FileCertificateStore([plain, named], logger);
    expect(store.secureContext('wanted.test')).not.toBe(store.secureContext('plain.test'));
  });

  it('are replaced when the files change; a bad new one is logged and the old stays', () => {
    const before = authority.issue('live', ['DNS:live.test']);
    const store = new FileCertificateStore([before], logger);
    const told: string[][] = [];
    store.onChange((names) => told.push([...names]));
    const old = store.secureContext(undefined);

    const next = authority.issue('next', ['DNS:next.test']);
    copyFileSync(next.cert, before.cert);
    store.reload();
    expect(store.secureContext(undefined)).toBe(old);
    expect(logger.lines.at(-1)).toMatchObject({ level: 'warn' });

    copyFileSync(next.key, before.key);
    store.reload();
    expect(store.secureContext('next.test')).not.toBe(old);
    expect(told).toEqual([['next.test']]);
  });

  it('are watched', async () => {
    const pair = authority.issue('watched', ['DNS:watched.test']);
    const store = new FileCertificateStore([pair], logger);
    const changed = new Promise<readonly string[]>((resolve) => store.onChange(resolve));
    store.watch();
    const fresh = authority.issue('fresh', ['DNS:fresh.test']);
    copyFileSync(fresh.key, pair.key);
    copyFileSync(fresh.cert, pair.cert);
    expect(await changed).toEqual(['fresh.test']);
    store.close();
  });

  it('that cannot be used stop the start, with the file’s name', () => {
    const cert = join(folder, 'broken.crt');
    writeFileSync(cert, 'no certificate');
    expect(() => new FileCertificateStore([{ cert, key: cert }], logger)).toThrow(/tls\.certificates: .*broken\.crt/);
  });

  it('may be none', () => {
    const store = new FileCertificateStore([], logger);
    expect(store.available).toBe(false);
    expect(store.secureContext('x.test')).toBeUndefined();
  });
});
