import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TestCertificate {
  cert: string;
  key: string;
  /** File with the certificate, which is its own authority. */
  file: string;
  remove(): void;
}

/** A self-signed certificate for names such as "DNS:mx.example.test", made with openssl. */
export function testCertificate(names: readonly string[]): TestCertificate {
  const folder = mkdtempSync(join(tmpdir(), 'stoa-certificate-'));
  const [file, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const options = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=test'];
  const extension = ['-addext', `subjectAltName=${names.join(',')}`];
  execFileSync('openssl', ['req', '-x509', ...options, ...extension, '-keyout', keyFile, '-out', file], {
    stdio: 'ignore',
  });
  return {
    cert: readFileSync(file, 'utf8'),
    key: readFileSync(keyFile, 'utf8'),
    file,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
