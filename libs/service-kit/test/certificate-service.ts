import type { Client, storage } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import { certificateFacts, certificateId } from '../src/tls/certificate-facts.ts';

type Stored = storage.GetCertificatesResponse_StoredCertificate & { certificate: storage.Certificate };

/** CertificateService as a client, in memory. */
export class FakeCertificateService {
  readonly rows = new Map<string, Stored>();
  readonly calls: string[] = [];
  /** Makes every call fail. */
  away = false;

  readonly client = {
    putCertificate: async (request: storage.PutCertificateRequest) => {
      this.#call('put');
      const { names, chain, sealedKey, source } = request;
      const id = certificateId(names);
      const { fingerprint, notBefore, notAfter, issuer } = certificateFacts(chain);
      const before = this.rows.get(id);
      if (before !== undefined && before.certificate.notBefore > notBefore) {
        return { stored: false, certificate: before.certificate };
      }
      const certificate = { id, names, fingerprint, notBefore, notAfter, issuer, source, storedAt: 0 };
      this.rows.set(id, { certificate, chain, sealedKey });
      return { stored: true, certificate };
    },
    listCertificates: () => this.#list(),
    getCertificates: ({ ids }: storage.GetCertificatesRequest) => this.#get(ids),
  } as unknown as Client<typeof storage.CertificateServiceDefinition>;

  #call(name: string): void {
    this.calls.push(name);
    if (this.away) throw new StoaError('unavailable', 'the router is away');
  }

  async *#list() {
    this.#call('list');
    yield { certificates: [...this.rows.values()].map(({ certificate }) => certificate) };
  }

  async *#get(ids: readonly string[]) {
    this.#call('get');
    yield { certificates: ids.flatMap((id) => this.rows.get(id) ?? []) };
  }
}
