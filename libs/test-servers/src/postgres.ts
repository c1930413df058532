import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { given, program } from './catalog.ts';
import { findProgram, versionOf } from './locate.ts';
import { accepts, freePort, noteUse, removeFolder, ServerProcess, temporaryFolder } from './process.ts';
import { notOurs, type RunningServer } from './server.ts';

export interface PostgresServer extends RunningServer {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** postgres://user:password@host:port/database */
  readonly url: string;
  /** Makes an empty database; returns its URL. */
  createDatabase(name: string): Promise<string>;
  /** Runs SQL with psql and returns what it prints, rows as lines, columns separated by "|". */
  sql(text: string, database?: string): string;
}

export interface PostgresOptions {
  host?: string;
  port?: number;
  /** Lines for postgresql.conf. */
  settings?: readonly string[];
  /** Kept after the end; a temporary folder by default. */
  folder?: string;
}

const USER = 'stoa';
const PASSWORD = 'stoa-test';
const DATABASE = 'stoa';

/** A PostgreSQL with a database "stoa", durable as by default. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const address = given('postgres');
  if (address !== undefined) return givenPostgres(address);
  const programs = await program('postgres');
  const { host = '127.0.0.1' } = options;
  const port = options.port ?? (await freePort(host));
  const folder = options.folder ?? temporaryFolder('postgres');
  const data = join(folder, 'data');
  const user = process.getuid?.() === 0 ? 'postgres' : undefined;
  if (!existsSync(join(data, 'PG_VERSION'))) makeData(programs, folder, data, user);
  const settings = [
    `listen_addresses = '${host}'`,
    `port = ${port}`,
    `unix_socket_directories = ''`,
    'shared_buffers = 128MB',
    'max_connections = 200',
    'logging_collector = off',
    ...(options.settings ?? []),
  ];
  const configuration = join(data, 'postgresql.auto.conf');
  writeFileSync(configuration, `${settings.join('\n')}\n`);
  if (user !== undefined) giveTo(configuration, user);
  const url = (database: string) => `postgres://${USER}:${PASSWORD}@${host}:${port}/${database}`;
  const sql = (text: string, database = DATABASE) => psql(url(database), text);
  const server = new ServerProcess({
    name: 'PostgreSQL',
    program: join(programs, 'postgres'),
    args: ['-D', data],
    cwd: '/',
    ...(user === undefined ? {} : { user }),
    ready: async () => (await accepts(host, port)) && answers(url('postgres')),
  });
  await server.start();
  noteUse(`PostgreSQL ${versionOf(join(programs, 'postgres'))}`);
  const createDatabase = async (name: string) => createPostgresDatabase(url('postgres'), name);
  const known = sql(`select 1 from pg_database where datname = '${DATABASE}'`, 'postgres');
  if (known === '') await createDatabase(DATABASE);
  return {
    host,
    port,
    user: USER,
    password: PASSWORD,
    database: DATABASE,
    url: url(DATABASE),
    createDatabase,
    sql,
    kill: () => server.end('SIGKILL'),
    restart: () => server.start(),
    signal: (name) => server.signal(name),
    stop: async () => {
      await server.end('SIGINT');
      if (options.folder === undefined) removeFolder(folder);
    },
    get log() {
      return server.log;
    },
  };
}

function makeData(programs: string, folder: string, data: string, user: string | undefined): void {
  mkdirSync(folder, { recursive: true });
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, PASSWORD);
  if (user !== undefined) {
    giveTo(folder, user);
    giveTo(passwordFile, user);
  }
  const initdb = [
    join(programs, 'initdb'),
    ...['-D', data, '-U', USER, '--pwfile', passwordFile, '--auth=scram-sha-256', '-E', 'UTF8', '--locale=C'],
  ];
  const [file, ...args] = [...asUser(user), ...initdb] as [string, ...string[]];
  execFileSync(file, args, { stdio: ['ignore', 'ignore', 'pipe'], cwd: '/' });
}

function asUser(user: string | undefined): string[] {
  if (user === undefined) return [];
  const setpriv = findProgram('setpriv');
  return setpriv === undefined
    ? ['runuser', '-u', user, '--']
    : [setpriv, `--reuid=${user}`, `--regid=${user}`, '--init-groups'];
}

function giveTo(path: string, user: string): void {
  const id = (flag: string) => Number(execFileSync('id', [flag, user], { encoding: 'utf8' }));
  chownSync(path, id('-u'), id('-g'));
}

/** Makes an empty database beside the one that the URL names; returns its URL. */
export function createPostgresDatabase(url: string, name: string): string {
  psql(url, `create database "${name}"`);
  return Object.assign(new URL(url), { pathname: `/${name}` }).href;
}

function psql(url: string, text: string): string {
  const options = ['-X', '-A', '-t', '-q', '-v', 'ON_ERROR_STOP=1', '-d', url, '-c', text];
  return execFileSync('psql', options, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

function answers(url: string): boolean {
  try {
    return psql(url, 'select 1') === '1';
  } catch {
    return false;
  }
}

async function givenPostgres(address: string): Promise<PostgresServer> {
  const url = new URL(address);
  const at = (database: string) => Object.assign(new URL(address), { pathname: `/${database}` }).href;
  noteUse(`PostgreSQL at ${url.host}`);
  return {
    ...notOurs('PostgreSQL', 'STOA_TEST_POSTGRES'),
    host: url.hostname,
    port: Number(url.port || 5432),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: url.pathname.slice(1),
    url: address,
    sql: (text, database = url.pathname.slice(1)) => psql(at(database), text),
    createDatabase: async (name) => createPostgresDatabase(address, name),
  };
}
