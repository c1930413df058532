import type { coordinator, Implementation, storage } from '@stoa/contracts';
import { type DataCondition, type DataStore, hasCode, StoaError } from '@stoa/plugin-sdk';
import { type CertificateFacts, certificateFacts, certificateId, serverNames } from '@stoa/service-kit';
import type { Leases } from '../lease/leases.ts';
import { scanPages } from '../scan-pages.ts';
import { type CertificateRow, certificateKey, certificates, decodeCertificate, encodeCertificate } from './rows.ts';

export interface CertificateServiceDeps {
  store: DataStore;
  leases: Pick<Leases, 'fence'>;
  publish(event: NonNullable<coordinator.Event['kind']>): void;
  now(): number;
}

const MAX_NAMES = 1_000;
const MAX_CHAIN = 256 * 1024;
const MAX_SEALED_KEY = 64 * 1024;
const MAX_SOURCE = 256;
/** Certificates in one answer. */
const BATCH = 50;
const ATTEMPTS = 20;

const ID = /^[0-9a-f]{32}$/;

function invalid(message: string): StoaError {
  return new StoaError('invalid-argument', message);
}

/** Checks what can be checked without the private key. */
function check({ names, chain, sealedKey, source }: storage.PutCertificateRequest): [string[], CertificateFacts] {
  if (names.length === 0 || names.length > MAX_NAMES) throw invalid(`a certificate is for 1 to ${MAX_NAMES} names`);
  if (chain.length > MAX_CHAIN) throw invalid('the chain of certificates is too long');
  if (sealedKey.length === 0 || sealedKey.length > MAX_SEALED_KEY)
    throw invalid('the sealed key is missing or too long');
  if (source.length > MAX_SOURCE) throw invalid('the source is too long');
  return [serverNames(names), certificateFacts(chain)];
}

function describe(row: CertificateRow): storage.Certificate {
  const { names, fingerprint, notBefore, notAfter, issuer, storedAt, source } = row;
  return { id: certificateId(names), names: [...names], fingerprint, notBefore, notAfter, issuer, storedAt, source };
}

/** CertificateService: the certificates that every node serves, one row for each set of names. */
export function certificateService(
  deps: CertificateServiceDeps,
): Implementation<typeof storage.CertificateServiceDefinition> {
  const { store, leases, publish, now } = deps;
  const changed = (names: readonly string[]) => publish({ $case: 'certificateChanged', value: { names: [...names] } });

  /** Commits, again when the row was changed meanwhile. `decide` returns undefined when nothing is to be done. */
  async function update(
    id: string,
    fence: storage.Fence | undefined,
    decide: (before: CertificateRow | undefined) => CertificateRow | 'delete' | undefined,
  ): Promise<{ before: CertificateRow | undefined; done: boolean }> {
    const key = certificateKey(id);
    for (let attempt = 1; ; attempt++) {
      const conditions: DataCondition[] = fence === undefined ? [] : await leases.fence(fence.lease, fence.token);
      const [bytes] = await store.get([key]);
      const before = bytes === undefined ? undefined : decodeCertificate(bytes);
      const after = decide(before);
      if (after === undefined) return { before, done: false };
      try {
        await store.commit({
          conditions: [...conditions, { key, equals: bytes }],
          mutations: [
            after === 'delete' ? { type: 'delete', key } : { type: 'put', key, value: encodeCertificate(after) },
          ],
        });
        return { before, done: true };
      } catch (error) {
        if (!hasCode(error, 'conflict') || attempt === ATTEMPTS) throw error;
      }
    }
  }

  return {
    async putCertificate(request) {
      const [names, { fingerprint, notBefore, notAfter, issuer }] = check(request);
      const { chain, sealedKey, source, fence } = request;
      const row = { names, fingerprint, notBefore, notAfter, issuer, chain, sealedKey, source, storedAt: now() };
      const { before, done } = await update(certificateId(names), fence, (kept) =>
        kept !== undefined && (kept.fingerprint === fingerprint || kept.notBefore > notBefore) ? undefined : row,
      );
      if (done) changed(names);
      return { stored: done, certificate: describe(done || before === undefined ? row : before) };
    },

    async *listCertificates(_, { signal }) {
      for await (const page of scanPages(store, certificates(), { signal })) {
        yield { certificates: page.map(({ value }) => describe(decodeCertificate(value))) };
      }
    },

    async *getCertificates({ ids }) {
      const known = [...new Set(ids)].filter((id) => ID.test(id));
      for (let i = 0; i < known.length; i += BATCH) {
        const rows = await store.get(known.slice(i, i + BATCH).map(certificateKey));
        const found = rows.filter((bytes) => bytes !== undefined).map(decodeCertificate);
        if (found.length === 0) continue;
        yield {
          certificates: found.map((row) => ({
            certificate: describe(row),
            chain: row.chain,
            sealedKey: row.sealedKey,
          })),
        };
      }
    },

    async deleteCertificate({ id }) {
      if (!ID.test(id)) throw invalid('an id of a certificate has 32 hexadecimal digits');
      const { before } = await update(id, undefined, (kept) => (kept === undefined ? undefined : 'delete'));
      if (before === undefined) throw new StoaError('not-found', `there is no certificate ${id}`);
      changed(before.names);
      return {};
    },
  };
}
