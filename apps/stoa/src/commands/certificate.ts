import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { storage } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import { ClusterSecret, certificateFacts, serverNames } from '@stoa/service-kit';
import type { Command } from 'commander';
import { openConfig } from '../cli/config.ts';
import { formatTime, printResult, printRows } from '../cli/output.ts';
import { type ServerOptions, withConnection, withServer } from '../cli/server.ts';

interface PutOptions extends ServerOptions {
  cert: string;
  key: string;
  names?: string[];
  secretFile?: string;
}

function read(option: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new StoaError('invalid-argument', `${option}: ${(error as Error).message}`, { cause: error });
  }
}

async function secretOf({ secretFile, ...options }: PutOptions): Promise<ClusterSecret> {
  const file = secretFile ?? (await openConfig(options)).core().cluster['secret-file'];
  if (file === undefined) {
    throw new StoaError(
      'failed-precondition',
      'the private key is sealed with the secret of the cluster, and there is none: name it with cluster.secret-file or --secret-file; `stoa cluster init-secret` makes one',
    );
  }
  return ClusterSecret.read(file);
}

/** Checks the pair as a listener would, before anything leaves this machine. */
function checkPair(cert: Buffer, key: Buffer): void {
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    throw new StoaError('invalid-argument', `the certificate and the key cannot be used: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const { notAfter } = certificateFacts(cert);
  if (notAfter < Date.now())
    throw new StoaError('invalid-argument', `the certificate expired on ${formatTime(notAfter)}`);
}

async function put(options: PutOptions): Promise<void> {
  const secret = await secretOf(options);
  const [cert, key] = [read('--cert', options.cert), read('--key', options.key)];
  checkPair(cert, key);
  const { fingerprint, names: own } = certificateFacts(cert);
  const names = serverNames(options.names ?? own);
  if (names.length === 0)
    throw new StoaError('invalid-argument', 'the certificate has no server name; give some with --names');
  const { stored, certificate } = await withConnection(options, (server) =>
    server.client(storage.CertificateServiceDefinition).putCertificate({
      names,
      chain: cert.toString('utf8'),
      sealedKey: secret.seal(key, fingerprint),
      source: 'stoa certificate put',
    }),
  );
  const isSame = certificate?.fingerprint === fingerprint;
  if (!stored && !isSame) {
    throw new StoaError(
      'failed-precondition',
      `a certificate for ${names.join(', ')} that began to be valid later is served; remove it first: stoa certificate remove ${certificate?.id}`,
    );
  }
  const sentence = stored
    ? `every node serves it now for ${names.join(', ')}`
    : `it is served already for ${names.join(', ')}`;
  printResult({ stored, ...certificate }, sentence, options);
}

async function list(options: ServerOptions): Promise<void> {
  const found: storage.Certificate[] = [];
  await withConnection(options, async (server) => {
    for await (const { certificates } of server.client(storage.CertificateServiceDefinition).listCertificates({}))
      found.push(...certificates);
  });
  const rows = found.map(({ notBefore, notAfter, storedAt, ...rest }) => ({
    ...rest,
    notBefore: formatTime(notBefore),
    notAfter: formatTime(notAfter),
    storedAt: formatTime(storedAt),
  }));
  if (options.json === true) return printRows(rows, [], options);
  printRows(
    rows.map(({ names, notBefore, notAfter, ...rest }) => ({
      ...rest,
      names: names.join(', '),
      'valid from': notBefore,
      until: notAfter,
    })),
    ['id', 'names', 'valid from', 'until', 'issuer', 'source'],
    options,
  );
}

async function remove(id: string, options: ServerOptions): Promise<void> {
  await withConnection(options, (server) =>
    server.client(storage.CertificateServiceDefinition).deleteCertificate({ id }),
  );
  printResult({ id, removed: true }, `removed; nodes with an own certificate for these names show that again`, options);
}

export function registerCertificate(program: Command): void {
  const certificate = program
    .command('certificate')
    .description('certificates of the mail listeners that every node serves')
    .addHelpText(
      'after',
      `
Examples:
  stoa certificate list
  stoa certificate put --cert fullchain.pem --key privkey.pem
  stoa certificate remove 5f0c...`,
    );
  withServer(certificate.command('list').description('list them')).action(list);
  withServer(certificate.command('put').description('serve a certificate on every node, from now on'))
    .requiredOption('--cert <file>', 'PEM file with the certificate and its chain')
    .requiredOption('--key <file>', 'PEM file with the private key; it is sealed before it is sent')
    .option('--names <names...>', 'server names; by default those in the certificate')
    .option('--secret-file <file>', "the cluster's secret, in place of the configuration's")
    .action(put);
  withServer(certificate.command('remove <id>').description('serve it no more')).action(remove);
}
