import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { StoaError } from '@stoa/plugin-sdk';
import type { RedisOptions } from 'ioredis';
import type { ConnectionConfig } from './config.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** The configuration, complete: defaults filled in, files read. Holds secrets, so it is never logged. */
export interface RedisSettings {
  readonly mode: 'single' | 'sentinel' | 'cluster';
  /** The server, the Sentinels, or nodes of the cluster. */
  readonly addresses: readonly Address[];
  /** Name of the master; with Sentinels only. */
  readonly master: string;
  readonly prefix: string;
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  readonly waitMs: number;
  readonly heartbeatMs: number;
  readonly reconnectMinMs: number;
  readonly reconnectMaxMs: number;
  /** Login, TLS and database at servers that hold data. */
  readonly login: RedisOptions;
  readonly sentinelLogin: RedisOptions;
}

/** Reads the files that the configuration names. Rejects with `invalid-configuration` that names key and file. */
export async function readSettings(
  config: ConnectionConfig,
  place: { dataDirectory: string; nodeId: string },
): Promise<RedisSettings> {
  const text = async (key: string, file: string | undefined) => {
    if (file === undefined) return undefined;
    try {
      return await readFile(resolve(place.dataDirectory, file), 'utf8');
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      throw new StoaError('invalid-configuration', `${key}: cannot read ${file} (${code})`, { cause });
    }
  };
  const secret = async (key: string, file: string | undefined) => (await text(key, file))?.replace(/\r?\n$/, '');
  const url = config.url === undefined ? undefined : new URL(config.url);
  const { tls } = config;
  const secure = tls !== undefined || url?.protocol === 'rediss:';
  const secured: ConnectionOptions = {
    ca: await text('tls.ca', tls?.ca),
    cert: await text('tls.cert', tls?.cert),
    key: await text('tls.key', tls?.key),
    servername: tls?.serverName,
  };
  for (const key of ['ca', 'cert', 'key', 'servername'] as const) if (secured[key] === undefined) delete secured[key];
  const common: RedisOptions = {
    connectionName: `stoa-${place.nodeId.replace(/[^\x21-\x7e]/g, '_')}`,
    disableClientInfo: true,
    connectTimeout: config.connectTimeout,
    commandTimeout: config.commandTimeout,
    ...(secure ? { tls: secured } : {}),
  };
  const login = (username: string | undefined, password: string | undefined): RedisOptions => ({
    ...common,
    ...(username === undefined || username === '' ? {} : { username }),
    ...(password === undefined || password === '' ? {} : { password }),
  });
  const { mode, addresses } = addressesOf(config, url);
  return {
    mode,
    addresses,
    master: config.master ?? '',
    prefix: config.prefix,
    connectTimeoutMs: config.connectTimeout,
    commandTimeoutMs: config.commandTimeout,
    waitMs: config.reconnectWait,
    heartbeatMs: config.heartbeat,
    reconnectMinMs: config.reconnectMin,
    reconnectMaxMs: config.reconnectMax,
    login: {
      ...login(
        config.username ?? decoded(url?.username),
        config.password ?? (await secret('password-file', config.passwordFile)) ?? decoded(url?.password),
      ),
      db: config.database ?? Number(url?.pathname.slice(1) ?? 0),
    },
    sentinelLogin: login(
      config.sentinelUsername,
      config.sentinelPassword ?? (await secret('sentinel-password-file', config.sentinelPasswordFile)),
    ),
  };
}

function addressesOf(config: ConnectionConfig, url: URL | undefined): Pick<RedisSettings, 'mode' | 'addresses'> {
  if (config.sentinels !== undefined)
    return { mode: 'sentinel', addresses: config.sentinels.map((text) => parseAddress(text, 26_379)) };
  if (config.cluster !== undefined)
    return { mode: 'cluster', addresses: config.cluster.map((text) => parseAddress(text, 6379)) };
  if (url !== undefined) {
    return { mode: 'single', addresses: [{ host: bare(url.hostname), port: Number(url.port || 6379) }] };
  }
  return { mode: 'single', addresses: [{ host: config.host ?? 'localhost', port: config.port ?? 6379 }] };
}

/** "host", "host:port" or "[address]:port". */
export function parseAddress(text: string, defaultPort: number): Address {
  const [, host = '', port] = /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(text) ?? [];
  return { host: bare(host), port: Number(port ?? defaultPort) };
}

function bare(host: string): string {
  return host.replace(/^\[|\]$/g, '');
}

function decoded(part: string | undefined): string | undefined {
  return part === undefined || part === '' ? undefined : decodeURIComponent(part);
}

export function describeAddress({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** What the settings reach, in words, without a secret. */
export function describePlace({ mode, addresses, master }: RedisSettings): string {
  const list = addresses.map(describeAddress).join(', ');
  if (mode === 'single') return `Redis at ${list}`;
  return mode === 'cluster'
    ? `the Redis Cluster at ${list}`
    : `the Redis master "${master}" of the Sentinels at ${list}`;
}
