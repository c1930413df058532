import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CACHE, findPostgres, findProgram } from './locate.ts';

/** The servers that tests, benchmarks and the local cluster run. */
export type ServerName =
  | 'postgres'
  | 'pgbouncer'
  | 'redis'
  | 'sentinel'
  | 'nats'
  | 's3'
  | 'toxiproxy'
  | 'jaeger'
  | 'dovecot'
  | 'postfix';

interface Entry {
  /** Environment variable with the address of one that runs already. */
  variable?: string;
  find(): string | undefined;
  /** Debian package. */
  packageName?: string;
  /** Builds the program into the cache; a command for the shell. */
  build?: string;
  /** How a person gets it. */
  hint: string;
}

const bin = join(CACHE, 'bin');

function goInstall(module: string): string {
  return `GOBIN='${bin}' go install -trimpath -ldflags '-s -w' ${module}`;
}

/** `go install` refuses Jaeger, since its go.mod replaces a module: it is built from a module of its own. */
const BUILD_JAEGER = `
set -e
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
printf 'module build\\n\\ngo 1.24\\n' > go.mod
dir=$(go mod download -json github.com/jaegertracing/jaeger@v1.76.0 | sed -n 's/.*"Dir": "\\(.*\\)".*/\\1/p')
cp "$dir/go.sum" go.sum; chmod u+w go.sum
go get github.com/jaegertracing/jaeger/cmd/jaeger@v1.76.0
mkdir -p '${bin}'
go build -trimpath -ldflags '-s -w' -o '${bin}/jaeger' github.com/jaegertracing/jaeger/cmd/jaeger
`;

export const CATALOG: Readonly<Record<ServerName, Entry>> = {
  postgres: {
    variable: 'STOA_TEST_POSTGRES',
    find: findPostgres,
    packageName: 'postgresql',
    hint: 'install PostgreSQL 15 or newer (Debian: postgresql)',
  },
  pgbouncer: { find: () => findProgram('pgbouncer'), packageName: 'pgbouncer', hint: 'install pgbouncer' },
  redis: {
    variable: 'STOA_TEST_REDIS',
    find: () => findProgram('redis-server') ?? findProgram('valkey-server'),
    packageName: 'redis-server',
    hint: 'install Redis 7 or Valkey (Debian: redis-server)',
  },
  sentinel: {
    find: () => findProgram('redis-sentinel') ?? findProgram('valkey-sentinel'),
    packageName: 'redis-sentinel',
    hint: 'install redis-sentinel',
  },
  nats: {
    variable: 'STOA_TEST_NATS',
    find: () => findProgram('nats-server'),
    packageName: 'nats-server',
    hint: 'install nats-server',
  },
  s3: {
    variable: 'STOA_TEST_S3',
    find: () => findProgram('versitygw'),
    build: goInstall('github.com/versity/versitygw/cmd/versitygw@v1.8.0'),
    hint: 'install Go, with which versitygw is built once, or name an S3 server in STOA_TEST_S3',
  },
  toxiproxy: {
    find: () => findProgram('toxiproxy-server'),
    build: `${goInstall('github.com/Shopify/toxiproxy/v2/cmd/server@v2.12.0')} && mv '${bin}/server' '${bin}/toxiproxy-server'`,
    hint: 'install Go, with which toxiproxy is built once',
  },
  jaeger: {
    variable: 'STOA_JAEGER',
    find: () => findProgram('jaeger'),
    build: BUILD_JAEGER,
    hint: 'install Go, with which Jaeger is built once (some ten minutes), or name one in STOA_JAEGER',
  },
  dovecot: {
    find: () => (existsSync('/usr/lib/dovecot/lmtp') ? findProgram('dovecot') : undefined),
    packageName: 'dovecot-imapd dovecot-lmtpd',
    hint: 'install Dovecot 2.3 with IMAP and LMTP (Debian: dovecot-imapd dovecot-lmtpd)',
  },
  postfix: { find: () => findProgram('postfix'), packageName: 'postfix', hint: 'install Postfix (Debian: postfix)' },
};

/** Address of a server that somebody else runs, from the environment. */
export function given(name: ServerName): string | undefined {
  const { variable } = CATALOG[name];
  return variable === undefined ? undefined : process.env[variable];
}

function canInstall(): boolean {
  return process.getuid?.() === 0 && findProgram('apt-get') !== undefined;
}

/** Why a server cannot be had on this machine; undefined when it can (after `ensure`, at least). */
export function missing(name: ServerName): string | undefined {
  const { find, packageName, build, hint } = CATALOG[name];
  if (given(name) !== undefined || find() !== undefined) return undefined;
  if (packageName !== undefined && canInstall()) return undefined;
  if (build !== undefined && findProgram('go') !== undefined) return undefined;
  return `${name} is not here: ${hint}`;
}

export interface EnsureOptions {
  /** Told what takes time. */
  log?(line: string): void;
  /** Wait for builds too; a build goes on behind otherwise, and whoever needs the program waits for it. */
  wait?: boolean;
}

/** Gets the programs of these servers: installs packages, starts builds. Returns why some are still missing. */
export async function ensure(names: readonly ServerName[], options: EnsureOptions = {}): Promise<string[]> {
  const log = options.log ?? (() => {});
  const absent = names.filter((name) => given(name) === undefined && CATALOG[name].find() === undefined);
  const packages = absent.flatMap((name) => CATALOG[name].packageName ?? []);
  if (packages.length > 0 && canInstall()) await exclusive('apt', async () => installPackages(packages, log));
  for (const name of absent) {
    const { build, find } = CATALOG[name];
    if (build === undefined || find() !== undefined || findProgram('go') === undefined) continue;
    log(`building ${name} (once; kept in ${bin})`);
    startBuild(name, build);
    if (options.wait === true) await program(name);
  }
  return names.flatMap((name) => missing(name) ?? []);
}

function installPackages(packages: readonly string[], log: (line: string) => void): void {
  log(`installing ${packages.join(', ')}`);
  const script = `apt-get update -qq && apt-get install -y -qq --no-install-recommends ${packages.join(' ')}`;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8', env });
  if (status !== 0) log(stderr.trim().split('\n').slice(-3).join('\n'));
}

const lockOf = (name: string) => join(CACHE, `${name}.lock`);
const logOf = (name: string) => join(CACHE, `${name}.log`);

/** The build belongs to nobody: it ends with or without who asked first, and leaves a program or the lines of its log. */
function startBuild(name: ServerName, build: string): void {
  mkdirSync(bin, { recursive: true });
  if (!takeLock(name)) return;
  const out = openSync(logOf(name), 'w');
  const script = `{ ${build}\n} ; rm -rf '${lockOf(name)}'`;
  spawn('sh', ['-c', script], { detached: true, stdio: ['ignore', out, out] }).unref();
}

const STALE_LOCK_MS = 30 * 60_000;

function takeLock(name: string): boolean {
  mkdirSync(CACHE, { recursive: true });
  const lock = lockOf(name);
  try {
    if (Date.now() - statSync(lock).mtimeMs > STALE_LOCK_MS) rmSync(lock, { recursive: true, force: true });
  } catch {
    // Nobody has it.
  }
  try {
    mkdirSync(lock);
    return true;
  } catch {
    return false;
  }
}

/** Runs work that only one process on this machine may do at a time. */
async function exclusive(name: string, work: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + 300_000;
  while (!takeLock(name)) {
    if (Date.now() > deadline) throw new Error(`another process holds ${lockOf(name)}`);
    await delay(200);
  }
  try {
    await work();
  } finally {
    rmSync(lockOf(name), { recursive: true, force: true });
  }
}

/** Path of a server's program (folder, for PostgreSQL); gets it where it can be had, and waits for a build. */
export async function program(name: ServerName): Promise<string> {
  const { find, build, hint } = CATALOG[name];
  let found = find();
  if (found !== undefined) return found;
  await ensure([name]);
  while (build !== undefined && existsSync(lockOf(name))) await delay(500);
  found = find();
  if (found !== undefined) return found;
  const log = existsSync(logOf(name)) ? readFileSync(logOf(name), 'utf8').trim().split('\n').slice(-5).join('\n') : '';
  throw new Error(`${name} is not here: ${hint}${log === '' ? '' : `\n${log}`}`);
}
