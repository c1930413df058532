import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

const main = resolve(import.meta.dirname, '../../apps/stoa/src/main.ts');

export interface Pki {
  ca: string;
  cert: string;
  key: string;
}

/** The certificates of a cluster, made as an operator makes them. */
export function makePki(folder: string): Pki {
  const stoa = (...args: string[]) =>
    execFileSync(process.execPath, ['--conditions=stoa-source', main, ...args, '--folder', folder]);
  stoa('cluster', 'init-ca');
  stoa('cluster', 'issue', 'node', '--hosts', '127.0.0.1', 'localhost');
  return { ca: join(folder, 'ca.pem'), cert: join(folder, 'node.pem'), key: join(folder, 'node-key.pem') };
}

/** A self-signed certificate for mail clients. */
export function makeServerCertificate(cert: string, key: string, name: string): void {
  mkdirSync(resolve(cert, '..'), { recursive: true });
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-addext',
      `subjectAltName=DNS:${name}`,
      '-keyout',
      key,
      '-out',
      cert,
    ],
    { stdio: 'ignore' },
  );
}
