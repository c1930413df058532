import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeCertificateService } from '../../test/certificate-service.ts';
import { TestAuthority, type TestPair } from '../../test/certificates.ts';
import { recordingLogger } from '../../test/recording-logger.ts';
import type { EventListener } from '../events/types.ts';
import { certificateFacts, certificateId } from './certificate-facts.ts';
import { FileCertificateStore } from './certificate-store.ts';
import { ClusterSecret } from './key-seal.ts';
import { SharedCertificates } from './shared-certificates.ts';

const folder = mkdtempSync(join(tmpdir(), 'stoa-shared-'));
const secret = new ClusterSecret(Buffer.from(ClusterSecret.generate()));
let authority: TestAuthority;
let service: FakeCertificateService;
const stops: (() => Promise<void>)[] = [];

beforeAll(() => {
  authority = new TestAuthority(folder);
});
beforeEach(() => {
  service = new FakeCertificateService();
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
const issue = (...names: string[]) => {
  count += 1;
  return authority.issue(
    `pair${count}`,
    names.map((name) => `DNS:${name}`),
  );
};
const fingerprintOf = (pair: TestPair) => certificateFacts(readFileSync(pair.cert)).fingerprint;
const replace = (pair: TestPair, by: TestPair) => {
  copyFileSync(by.cert, pair.cert);
  copyFileSync(by.key, pair.key);
};

interface NodeOptions {
  puts?: boolean;
  secret?: ClusterSecret;
}

async function node(files: TestPair[], options: NodeOptions = {}) {
  const logger = recordingLogger();
  const store = new FileCertificateStore(files, logger);
  let listener: EventListener | undefined;
  const shared = new SharedCertificates({
    client: service.client,
    secret: options.secret ?? secret,
    store,
    events: {
      subscribe: (given) => {
        listener = given;
        return () => {
          listener = undefined;
        };
      },
    },
    logger,
    nodeId: 'test',
    puts: options.puts === true,
    // A retry comes in a later turn, so that the test may do something between.
    wait: () => new Promise((resolve) => setImmediate(resolve)),
  });
  stops.push(() => shared.stop());
  await shared.start();
  return {
    store,
    shared,
    logger,
    event: (names: string[]) =>
      listener?.event({ traceParent: '', kind: { $case: 'certificateChanged', value: { names } } }, 'other'),
    gap: () => listener?.gap('test', undefined),
  };
}

describe('certificates that the nodes share', () => {
  it('are served by a node that has none, from its start', async () => {
    await node([issue('mail.test')], { puts: true });
    const bare = await node([]);
    expect(bare.store.available).toBe(true);
    expect(bare.store.secureContext('mail.test')).toBeDefined();
    expect(bare.store.secureContext(undefined)).toBe(bare.store.secureContext('mail.test'));
  });

  it('do not leave a node that does not share', async () => {
    await node([issue('mine.test')]);
    expect(service.rows.size).toBe(0);
  });

  it('replaced on one node are served by all: on news, and after a gap', async () => {
    const pair = issue('mail.test');
    const first = await node([pair], { puts: true });
    const [other, third] = [await node([issue('mail.test')]), await node([])];
    for (const tell of [() => other.event(['mail.test']), () => third.gap()]) {
      const before = other.store.secureContext('mail.test');
      const fresh = issue('mail.test');
      replace(pair, fresh);
      first.store.reload();
      await first.shared.refresh();
      expect(service.rows.get(certificateId(['mail.test']))?.certificate.fingerprint).toBe(fingerprintOf(fresh));
      tell();
      await Promise.all([other.shared.refresh(), third.shared.refresh()]);
      expect(other.store.secureContext('mail.test')).not.toBe(before);
      expect(other.store.secureContext(undefined)).toBe(other.store.secureContext('mail.test'));
    }
  });

  it('are not read again while they are the same', async () => {
    await node([issue('mail.test')], { puts: true });
    const other = await node([]);
    const before = other.store.secureContext('mail.test');
    service.calls.length = 0;
    await other.shared.refresh();
    expect(service.calls).toEqual(['list']);
    expect(other.store.secureContext('mail.test')).toBe(before);
  });

  it('that are older than what is stored are not put, and the newer one is shown', async () => {
    const [old, fresh] = ['20260101', '20260301'].map((day) => authority.issue(`from${day}`, ['DNS:mail.test'], day));
    await node([fresh as TestPair], { puts: true });
    const behind = await node([old as TestPair], { puts: true });
    expect(service.calls.filter((call) => call === 'put')).toHaveLength(1);
    expect(behind.store.shown('mail.test')?.fingerprint).toBe(fingerprintOf(fresh as TestPair));
    expect(behind.store.shown(undefined)?.fingerprint).toBe(fingerprintOf(fresh as TestPair));
    // Without the newer one the node shows its own again.
    service.rows.clear();
    behind.event(['mail.test']);
    await behind.shared.refresh();
    expect(behind.store.shown('mail.test')?.fingerprint).toBe(fingerprintOf(old as TestPair));
  });

  it('that cannot be opened leave the one before in use, and are told of once', async () => {
    const pair = issue('mail.test');
    const owner = await node([pair], { puts: true });
    const other = await node([]);
    const before = other.store.secureContext('mail.test');
    const stranger = new ClusterSecret(Buffer.from(ClusterSecret.generate()));
    const row = service.rows.get(certificateId(['mail.test']));
    const fresh = issue('mail.test');
    const fingerprint = fingerprintOf(fresh);
    const bad = [
      { chain: readFileSync(fresh.cert, 'utf8'), sealedKey: stranger.seal(readFileSync(fresh.key), fingerprint) },
      // A key of another certificate.
      { chain: readFileSync(fresh.cert, 'utf8'), sealedKey: secret.seal(readFileSync(pair.key), fingerprint) },
    ];
    for (const [i, each] of bad.entries()) {
      if (row === undefined) throw new Error('nothing was put');
      // Another certificate each time, for those who remember what they refused.
      const named = i === 0 ? fingerprint : 'ab'.repeat(32);
      service.rows.set(row.certificate.id, { ...each, certificate: { ...row.certificate, fingerprint: named } });
      const warnings = () => other.logger.lines.filter(({ level }) => level === 'warn').length;
      const count = warnings();
      await other.shared.refresh();
      await other.shared.refresh();
      expect(warnings()).toBe(count + 1);
      expect(other.store.secureContext('mail.test')).toBe(before);
    }
    await owner.shared.stop();
  });

  it('that are removed are shown no more', async () => {
    await node([issue('gone.test')], { puts: true });
    const other = await node([]);
    service.rows.clear();
    await other.shared.refresh();
    expect(other.store.available).toBe(false);
  });

  it('come as soon as the router answers', async () => {
    const pair = issue('mail.test');
    await node([pair], { puts: true });
    service.away = true;
    const starting = node([]);
    await vi.waitFor(() => expect(service.calls.filter((call) => call === 'list').length).toBeGreaterThan(4));
    service.away = false;
    expect((await starting).store.available).toBe(true);
  });

  it('need a server name', async () => {
    const odd = { ...issue('odd.test'), names: ['no name'] };
    const { logger } = await node([odd, issue('fine.test')], { puts: true });
    expect([...service.rows.values()].map(({ certificate }) => certificate.names)).toEqual([['fine.test']]);
    expect(logger.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });
});
