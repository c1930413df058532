import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { StoaError } from '@stoa/plugin-sdk';
import type { ClientConfig } from 'pg';
import type { Config } from './config.ts';
import { messageOf } from './errors.ts';

type TlsMode = NonNullable<Config['tls']['mode']>;

/** Where to connect and how: the part of the configuration that pg takes. */
export interface Address {
  readonly options: ClientConfig;
  /** For messages, without the password. */
  readonly text: string;
  readonly host: string;
  readonly database: string;
  readonly user: string;
}

/** Rejects with `invalid-configuration` and says what to change. `folder` is what relative paths start from. */
export function addressOf(config: Config, folder: string): Address {
  const url = config.url === undefined ? undefined : parseUrl(config.url);
  const host = config.host ?? url?.host ?? '127.0.0.1';
  const port = config.port ?? url?.port ?? 5432;
  const database = config.database ?? url?.database ?? 'stoa';
  const user = config.user ?? url?.user ?? 'stoa';
  const { passwordFile } = config;
  const password =
    passwordFile === undefined ? (config.password ?? url?.password) : () => readPassword(resolve(folder, passwordFile));
  return {
    options: {
      host,
      port,
      database,
      user,
      // pg asks the environment for what is undefined; it must not.
      password: password ?? '',
      ssl: tlsOptions(config, url?.mode, host, folder) ?? false,
      keepAlive: true,
      keepAliveInitialDelayMillis: 10_000,
      connectionTimeoutMillis: config.connectTimeout,
    },
    text: `${user} at ${host.includes(':') ? `[${host}]` : host}:${port}/${database}`,
    host,
    database,
    user,
  };
}

function parseUrl(text: string) {
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw invalid('"url" is not a URL; it is to be like postgres://user:password@host:5432/database', cause);
  }
  for (const name of url.searchParams.keys()) {
    if (name !== 'sslmode') throw invalid(`"url" has the parameter ${name}; only sslmode is taken there`);
  }
  const mode = url.searchParams.get('sslmode');
  if (mode !== null && !['disable', 'require', 'verify-ca', 'verify-full'].includes(mode)) {
    throw invalid(`sslmode=${mode} in "url": one of disable, require, verify-ca, verify-full is taken`);
  }
  const part = (value: string) => (value === '' ? undefined : decodeURIComponent(value));
  return {
    host: part(url.hostname.replace(/^\[|\]$/g, '')),
    port: url.port === '' ? undefined : Number(url.port),
    user: part(url.username),
    password: part(url.password),
    database: part(url.pathname.slice(1)),
    mode: (mode ?? undefined) as TlsMode | undefined,
  };
}

function tlsOptions(
  { tls }: Config,
  fromUrl: TlsMode | undefined,
  host: string,
  folder: string,
): ConnectionOptions | undefined {
  const mode = tls.mode ?? fromUrl ?? (isLocal(host) ? 'disable' : 'verify-full');
  if (mode === 'disable') return undefined;
  const file = (key: 'ca' | 'cert' | 'key') => {
    const path = tls[key];
    if (path === undefined) return {};
    try {
      return { [key]: readFileSync(resolve(folder, path), 'utf8') };
    } catch (cause) {
      throw invalid(`the file of "tls.${key}" cannot be read: ${messageOf(cause)}`, cause);
    }
  };
  return {
    ...file('ca'),
    ...file('cert'),
    ...file('key'),
    rejectUnauthorized: mode !== 'require',
    ...(mode === 'verify-ca' ? { checkServerIdentity: () => undefined } : {}),
    ...(isIP(host) === 0 ? { servername: host } : {}),
  };
}

function isLocal(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.') || host.startsWith('/');
}

async function readPassword(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).split(/\r?\n/, 1)[0] ?? '';
  } catch (cause) {
    throw invalid(`the file of "password-file" cannot be read: ${messageOf(cause)}`, cause);
  }
}

export function invalid(message: string, cause?: unknown): StoaError {
  return new StoaError('invalid-configuration', message, { cause });
}
