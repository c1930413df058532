import { createSecureContext, type SecureContext } from 'node:tls';
import { type CertificateFacts, certificateFacts } from './certificate-facts.ts';

export type TlsVersion = '1.2' | '1.3';

/** A certificate with its private key, in PEM. */
export interface CertificatePair {
  chain: Uint8Array;
  key: Uint8Array;
  /** Server names; those in the certificate by default. */
  names?: readonly string[] | undefined;
}

/** A pair that listeners can show. */
export interface LoadedCertificate extends CertificateFacts {
  readonly context: SecureContext;
  readonly chain: Uint8Array;
  readonly key: Uint8Array;
}

/** Checks that certificate and key belong together; throws when they do not. */
export function loadCertificate({ chain, key, names }: CertificatePair, minVersion: TlsVersion): LoadedCertificate {
  const context = createSecureContext({
    cert: Buffer.from(chain),
    key: Buffer.from(key),
    minVersion: `TLSv${minVersion}`,
  });
  const facts = certificateFacts(chain);
  return { ...facts, names: names?.map((name) => name.toLowerCase()) ?? facts.names, context, chain, key };
}
