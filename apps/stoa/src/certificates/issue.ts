import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

export interface IssuedCertificate {
  /** PEM. */
  cert: string;
  /** PEM, PKCS #8. */
  key: string;
}

export interface CertificateRequest {
  /** Subject's common name. */
  name: string;
  /** DNS names and IP addresses that the certificate is for. */
  hosts: readonly string[];
  days: number;
  /** Signs with this authority; the certificate signs itself without one. */
  authority?: IssuedCertificate;
  /** Makes an authority. */
  isAuthority?: boolean;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

x509.cryptoProvider.set(webcrypto as never);

const isIp = (host: string) => /^[0-9.]+$/.test(host) || host.includes(':');

async function readKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = x509.PemConverter.decodeFirst(pem);
  return await webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, true, ['sign']);
}

/** Makes an ECDSA P-256 key and a certificate for it. */
export async function issueCertificate(request: CertificateRequest): Promise<IssuedCertificate> {
  const keys = (await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const signer = request.authority === undefined ? undefined : new x509.X509Certificate(request.authority.cert);
  const notBefore = new Date(Date.now() - 3_600_000);
  const extensions: x509.Extension[] = [
    new x509.BasicConstraintsExtension(request.isAuthority === true, undefined, true),
    await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
  ];
  if (request.isAuthority === true) {
    extensions.push(new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true));
  } else {
    extensions.push(
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension(
        request.hosts.map((host) => ({ type: isIp(host) ? 'ip' : 'dns', value: host })),
      ),
    );
  }
  const subject = new x509.Name([{ CN: [request.name] }]).toString();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: Buffer.from(webcrypto.getRandomValues(new Uint8Array(15)))
      .toString('hex')
      .replace(/^/, '01'),
    subject,
    issuer: signer?.subject ?? subject,
    notBefore,
    notAfter: new Date(notBefore.getTime() + request.days * 86_400_000),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: request.authority === undefined ? keys.privateKey : await readKey(request.authority.key),
    extensions,
  });
  const pkcs8 = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { cert: certificate.toString('pem'), key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY') };
}
