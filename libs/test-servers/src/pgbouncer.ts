import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { program } from './catalog.ts';
import { versionOf } from './locate.ts';
import type { PostgresServer } from './postgres.ts';
import { accepts, freePort, noteUse, removeFolder, ServerProcess, temporaryFolder } from './process.ts';
import type { RunningServer } from './server.ts';

export interface PgBouncer extends RunningServer {
  readonly host: string;
  readonly port: number;
  /** URL of a database behind it, with the user of the PostgreSQL server. */
  url(database?: string): string;
}

/** PgBouncer in transaction mode in front of a PostgreSQL server. */
export async function startPgBouncer(postgres: PostgresServer): Promise<PgBouncer> {
  const path = await program('pgbouncer');
  const host = '127.0.0.1';
  const port = await freePort(host);
  const folder = temporaryFolder('pgbouncer');
  const users = join(folder, 'users.txt');
  const file = join(folder, 'pgbouncer.ini');
  const { user, password, database } = postgres;
  writeFileSync(users, `"${user}" "${password}"\n`);
  const lines = [
    '[databases]',
    `* = host=${postgres.host} port=${postgres.port}`,
    '[pgbouncer]',
    `listen_addr = ${host}`,
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'auth_type = plain',
    `auth_file = ${users}`,
    'pool_mode = transaction',
    'max_client_conn = 500',
    'default_pool_size = 20',
    'server_login_retry = 1',
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  // It refuses root, and reads its files as the user it becomes.
  chmodSync(folder, 0o755);
  const server = new ServerProcess({
    name: 'PgBouncer',
    program: path,
    args: [file],
    user: 'postgres',
    cwd: '/',
    ready: () => accepts(host, port),
  });
  await server.start();
  noteUse(`PgBouncer ${versionOf(path)}`);
  const encoded = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
  return {
    host,
    port,
    url: (name = database) => `postgres://${encoded}@${host}:${port}/${name}`,
    kill: () => server.end('SIGKILL'),
    restart: () => server.start(),
    signal: (name) => server.signal(name),
    stop: async () => {
      await server.end('SIGKILL');
      removeFolder(folder);
    },
    get log() {
      return server.log;
    },
  };
}
