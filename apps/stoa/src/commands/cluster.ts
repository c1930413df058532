import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { coordinator } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import type { Command } from 'commander';
import { type IssuedCertificate, issueCertificate } from '../certificates/issue.ts';
import { printResult, printRows } from '../cli/output.ts';
import { type ServerOptions, withConnection, withServer } from '../cli/server.ts';
import { memberView } from './status.ts';

interface FolderOptions {
  folder: string;
  days: string;
  hosts?: string[];
  json?: boolean;
}

function daysOf(text: string): number {
  const days = Number(text);
  if (!Number.isInteger(days) || days < 1 || days > 36_500)
    throw new StoaError('invalid-argument', '--days: expected a number of days');
  return days;
}

function save(folder: string, name: string, made: IssuedCertificate): { cert: string; key: string } {
  const cert = join(folder, `${name}.pem`);
  const key = join(folder, `${name}-key.pem`);
  for (const path of [cert, key]) {
    if (existsSync(path))
      throw new StoaError(
        'already-exists',
        `${path} exists already; remove it first, or choose another name or folder`,
      );
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(key, made.key, { mode: 0o600, flag: 'wx' });
  writeFileSync(cert, made.cert, { flag: 'wx' });
  return { cert, key };
}

async function initCa(options: FolderOptions): Promise<void> {
  const made = await issueCertificate({
    name: 'Stoa cluster',
    hosts: [],
    days: daysOf(options.days),
    isAuthority: true,
  });
  const files = save(options.folder, 'ca', made);
  printResult(files, `made the cluster's authority: ${files.cert}; keep ${files.key} off the nodes`, options);
}

async function issue(name: string, options: FolderOptions): Promise<void> {
  const authority = { cert: join(options.folder, 'ca.pem'), key: join(options.folder, 'ca-key.pem') };
  if (!existsSync(authority.cert) || !existsSync(authority.key)) {
    throw new StoaError(
      'not-found',
      `there is no authority in ${options.folder}; make it with \`stoa cluster init-ca\``,
    );
  }
  if (!/^[A-Za-z0-9_.-]+$/.test(name) || name === 'ca')
    throw new StoaError('invalid-argument', 'a name has letters, digits, "_", "." and "-", and is not "ca"');
  const made = await issueCertificate({
    name,
    hosts: options.hosts ?? [name],
    days: daysOf(options.days),
    authority: { cert: readFileSync(authority.cert, 'utf8'), key: readFileSync(authority.key, 'utf8') },
  });
  const files = save(options.folder, name, made);
  printResult(
    files,
    `made ${files.cert}\n\n[cluster.tls]\nca = ${JSON.stringify(authority.cert)}\ncert = ${JSON.stringify(files.cert)}\nkey = ${JSON.stringify(files.key)}`,
    options,
  );
}

export function registerCluster(program: Command): void {
  const cluster = program
    .command('cluster')
    .description('nodes and the certificates between them')
    .addHelpText(
      'after',
      `
Examples:
  stoa cluster init-ca --folder ./pki
  stoa cluster issue node1 --folder ./pki --hosts node1.example.org 10.0.0.11
  stoa cluster status`,
    );
  const files = (command: Command, days: string) =>
    command
      .option('--folder <path>', 'where the files are kept', './pki')
      .option('--days <n>', 'how long it is valid', days)
      .option('--json', 'write JSON');
  files(cluster.command('init-ca').description('make the certificate authority of a cluster'), '3650').action(initCa);
  files(cluster.command('issue <name>').description('make the certificate of a node'), '825')
    .option('--hosts <names...>', 'host names and IP addresses that the node is reached by; its name without them')
    .action(issue);
  withServer(cluster.command('status').description('list the nodes')).action(
    async (options: ServerOptions & { json?: boolean }) => {
      const { members } = await withConnection(options, (server) =>
        server.client(coordinator.CoordinatorServiceDefinition).listMembers({}),
      );
      printRows(members.map(memberView), ['node', 'state', 'host', 'version', 'services', 'sessions', 'seen'], options);
    },
  );
}
