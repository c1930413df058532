import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'ignore'] });

export interface TestPair {
  cert: string;
  key: string;
}

/** A certificate authority for tests, made with openssl. */
export class TestAuthority {
  readonly ca: string;
  readonly #folder: string;
  readonly #key: string;

  constructor(folder: string, name = 'authority') {
    this.#folder = folder;
    this.ca = join(folder, `${name}.crt`);
    this.#key = join(folder, `${name}.key`);
    openssl(
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
      ...['-subj', `/CN=${name}`, '-keyout', this.#key, '-out', this.ca],
    );
  }

  /** A certificate for names such as "DNS:example.test" or "IP:127.0.0.1". */
  issue(file: string, names: readonly string[]): TestPair {
    const [cert, key, request, extensions] = ['crt', 'key', 'csr', 'ext'].map((end) =>
      join(this.#folder, `${file}.${end}`),
    ) as [string, string, string, string];
    openssl(
      ...['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${file}`],
      ...['-keyout', key, '-out', request],
    );
    writeFileSync(extensions, `subjectAltName=${names.join(',')}\n`);
    openssl(
      ...['x509', '-req', '-in', request, '-CA', this.ca, '-CAkey', this.#key, '-CAcreateserial', '-days', '2'],
      ...['-extfile', extensions, '-out', cert],
    );
    return { cert, key };
  }
}
