import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { coordinator } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import { ClusterSecret } from '@stoa/service-kit';
import type { Command } from 'commander';
import { type IssuedCertificate, issueCertificate } from '../certificates/issue.ts';
import { Progress, printResult } from '../cli/output.ts';
import { type ServerOptions, withConnection, withServer } from '../cli/server.ts';
import { showView, type View, type WatchOptions, withWatch } from '../cli/watch.ts';
import { drainNode } from '../cluster/drain.ts';
import { memberTable, memberView } from '../cluster/members.ts';
import { clusterStatus, statusView } from '../cluster/status.ts';
import { EXIT } from '../exit-codes.ts';

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

/** Makes the secret that the private keys of the mail listeners' certificates are sealed with. */
function makeSecret(folder: string): string {
  const file = join(folder, 'secret');
  if (existsSync(file)) {
    throw new StoaError('already-exists', `${file} exists already; what it sealed cannot be read with another`);
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(file, `${ClusterSecret.generate()}\n`, { mode: 0o600, flag: 'wx' });
  return file;
}

const SECRET_HELP = (file: string) => `\n\n[cluster]\nsecret-file = ${JSON.stringify(file)}`;

function initSecret(options: FolderOptions): void {
  const secret = makeSecret(options.folder);
  printResult(
    { secret },
    `made the cluster's secret: ${secret}; every node needs the same${SECRET_HELP(secret)}`,
    options,
  );
}

async function initCa(options: FolderOptions): Promise<void> {
  const made = await issueCertificate({
    name: 'Stoa cluster',
    hosts: [],
    days: daysOf(options.days),
    isAuthority: true,
  });
  const files = save(options.folder, 'ca', made);
  // One that is there already stays: it may have sealed keys.
  const secret = existsSync(join(options.folder, 'secret'))
    ? join(options.folder, 'secret')
    : makeSecret(options.folder);
  printResult(
    { ...files, secret },
    `made the cluster's authority: ${files.cert}; keep ${files.key} off the nodes\nand its secret: ${secret}; every node needs the same${SECRET_HELP(secret)}`,
    options,
  );
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

async function nodes(options: ServerOptions & WatchOptions): Promise<void> {
  await withConnection(options, (server) =>
    showView(options, async (): Promise<View> => {
      const { members } = await server.client(coordinator.CoordinatorServiceDefinition).listMembers({});
      const list = members.map(memberView);
      return { data: { nodes: list }, text: memberTable(list) };
    }),
  );
}

async function status(options: ServerOptions & WatchOptions): Promise<void> {
  await withConnection(options, async (server) => {
    const shown = await showView(options, async () => {
      const found = await clusterStatus(server);
      return { ...statusView(found), healthy: found.healthy };
    });
    if (shown?.healthy === false) process.exitCode = EXIT.failed;
  });
}

interface DrainCommandOptions extends ServerOptions {
  wait: boolean;
  timeout: string;
}

async function drain(node: string, options: DrainCommandOptions): Promise<void> {
  const seconds = Number(options.timeout);
  if (!(seconds > 0 && seconds <= 86_400))
    throw new StoaError('invalid-argument', '--timeout: expected a number of seconds, at most a day');
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  const bar = new Progress();
  const member = await withConnection(options, (server) =>
    drainNode({
      client: server.client(coordinator.CoordinatorServiceDefinition),
      node,
      wait: options.wait,
      timeoutMs: seconds * 1000,
      signal: interrupted.signal,
      progress: ({ draining, sessions }) =>
        bar.update(`${node}: ${draining ? 'draining' : 'told to drain'}, ${sessions} sessions`),
      pause: (ms) => pause(ms, undefined, { signal: interrupted.signal }).catch(() => {}),
      now: Date.now,
    }),
  ).finally(() => bar.end());
  const gone = member.state === 'left' || member.state === 'dead';
  const sentence = options.wait
    ? gone
      ? `the node ${node} is gone`
      : `the node ${node} is drained: it has no sessions, and takes none until it is started again`
    : `the node ${node} was told to drain`;
  printResult(member, sentence, options);
}

export function registerCluster(program: Command): void {
  const cluster = program
    .command('cluster')
    .description('nodes, and the certificates between them')
    .addHelpText(
      'after',
      `
Examples:
  stoa cluster init-ca --folder ./pki
  stoa cluster issue node1 --folder ./pki --hosts node1.example.org 10.0.0.11
  stoa cluster nodes --watch
  stoa cluster status --json
  stoa cluster drain 2 --timeout 120`,
    );
  const files = (command: Command) =>
    command.option('--folder <path>', 'where the files are kept', './pki').option('--json', 'write JSON');
  const valid = (command: Command, days: string) => files(command).option('--days <n>', 'how long it is valid', days);
  valid(
    cluster.command('init-ca').description('make the certificate authority of a cluster, and its secret'),
    '3650',
  ).action(initCa);
  files(cluster.command('init-secret').description('make only the secret, for a cluster that has an authority')).action(
    initSecret,
  );
  valid(cluster.command('issue <name>').description('make the certificate of a node'), '825')
    .option('--hosts <names...>', 'host names and IP addresses that the node is reached by; its name without them')
    .action(issue);
  withWatch(withServer(cluster.command('nodes').description('list the nodes'))).action(nodes);
  withWatch(
    withServer(
      cluster
        .command('status')
        .description('nodes, and the health of processes, bus and stores; exit code 1 when something is not well'),
    ),
  ).action(status);
  withServer(cluster.command('drain <node>').description('take a node out of service; its processes go on to run'))
    .option('--wait', 'until the node has no sessions', true)
    .option('--no-wait', 'only give the order')
    .option('--timeout <seconds>', 'how long to wait', '60')
    .action(drain);
}
