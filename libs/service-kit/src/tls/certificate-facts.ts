import { createHash, X509Certificate } from 'node:crypto';
import { StoaError } from '@stoa/plugin-sdk';

/** What a certificate says of itself. */
export interface CertificateFacts {
  /** Server names in lower case, sorted, each once; a leading "*." stands for one label. Empty when it has none. */
  readonly names: readonly string[];
  /** SHA-256 of its DER form, 64 hexadecimal digits. */
  readonly fingerprint: string;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Distinguished name of who signed it, its parts separated by ", ". */
  readonly issuer: string;
}

const NAME = /^(?:\*\.)?[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/;
const MAX_NAME = 253;

/** Server names as certificates are kept by: in lower case, sorted, each once. Throws `invalid-argument` for one that is none. */
export function serverNames(names: readonly string[]): string[] {
  const known = new Set(names.map((name) => name.toLowerCase()));
  for (const name of known) {
    if (name.length > MAX_NAME || !NAME.test(name)) {
      throw new StoaError('invalid-argument', `${JSON.stringify(name)} is no server name, such as "mail.example.org"`);
    }
  }
  return [...known].sort();
}

/** Id of the certificate that is kept for these names: 32 hexadecimal digits. */
export function certificateId(names: readonly string[]): string {
  return createHash('sha256').update(serverNames(names).join('\n')).digest('hex').slice(0, 32);
}

/** Facts of the first certificate of a chain in PEM. Throws `invalid-argument` when there is none. */
export function certificateFacts(chain: string | Uint8Array): CertificateFacts {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(chain);
  } catch (error) {
    throw new StoaError('invalid-argument', `there is no certificate in PEM: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const alternative = [...(certificate.subjectAltName ?? '').matchAll(/DNS:([^,\s]+)/g)].map(
    (match) => match[1] as string,
  );
  const common = /CN=([^\n]+)/.exec(certificate.subject)?.[1];
  const names = alternative.length > 0 || common === undefined ? alternative : [common];
  return {
    // A common name may be any text, and old certificates have odd names; those are not served by name.
    names: [...new Set(names.map((name) => name.toLowerCase()))].filter((name) => NAME.test(name)).sort(),
    fingerprint: createHash('sha256').update(certificate.raw).digest('hex'),
    notBefore: Date.parse(certificate.validFrom),
    notAfter: Date.parse(certificate.validTo),
    issuer: certificate.issuer.split('\n').join(', '),
  };
}
