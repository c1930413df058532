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

  /** A certificate for names such as "DNS:example.test" or "IP:127.0.0.1"; valid from now on, or from a day: "20260101". */
  issue(file: string, names: readonly string[], from?: string): TestPair {
    const [cert, key, request, extensions] = ['crt', 'key', 'csr', 'ext'].map((end) =>
      join(this.#folder, `${file}.${end}`),
    ) as [string, string, string, string];
    openssl(
      ...['req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${file}`],
      ...['-keyout', key, '-out', request],
    );
    writeFileSync(extensions, `subjectAltName=${names.join(',')}\n`);
    if (from !== undefined) {
      this.#sign({ cert, request, extensions, from });
      return { cert, key };
    }
    openssl(
      ...['x509', '-req', '-in', request, '-CA', this.ca, '-CAkey', this.#key, '-CAcreateserial', '-days', '2'],
      ...['-extfile', extensions, '-out', cert],
    );
    return { cert, key };
  }

  /** Only `openssl ca` can say when a certificate begins to be valid. */
  #sign({
    cert,
    request,
    extensions,
    from,
  }: {
    cert: string;
    request: string;
    extensions: string;
    from: string;
  }): void {
    const [config, index] = [join(this.#folder, 'ca.cnf'), join(this.#folder, 'index')];
    writeFileSync(index, '');
    writeFileSync(
      config,
      `[ca]\ndefault_ca=own\n[own]\ndatabase=${index}\nnew_certs_dir=${this.#folder}\npolicy=any\ndefault_md=sha256\nrand_serial=yes\n[any]\ncommonName=supplied\n`,
    );
    openssl(
      ...['ca', '-config', config, '-batch', '-notext', '-cert', this.ca, '-keyfile', this.#key, '-in', request],
      ...['-startdate', `${from}000000Z`, '-enddate', '20991231000000Z', '-extfile', extensions, '-out', cert],
    );
  }
}
