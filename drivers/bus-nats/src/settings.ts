import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type DriverContext, StoaError } from '@stoa/plugin-sdk';
import {
  type Authenticator,
  credsAuthenticator,
  nkeyAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from 'nats';
import { type Address, describeAddress, parseServer } from './address.ts';
import type { Config } from './config.ts';

/** The configuration with its files read. Holds secrets, so it is never logged. */
export interface Settings extends Omit<Config, 'servers' | 'name' | 'tls'> {
  readonly servers: readonly Address[];
  readonly name: string;
  readonly login: Authenticator | undefined;
  /** Keys of the configuration that hold the login, for errors. */
  readonly loginKeys: string;
  readonly tls: TlsSettings | undefined;
}

export interface TlsSettings {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly serverName?: string | undefined;
}

/** Rejects with `invalid-configuration` that names key and file. */
export async function readSettings(
  config: Config,
  { dataDirectory, nodeId }: Pick<DriverContext, 'dataDirectory' | 'nodeId'>,
): Promise<Settings> {
  const text = async (key: string, file: string | undefined) => {
    if (file === undefined) return undefined;
    try {
      return await readFile(resolve(dataDirectory, file), 'utf8');
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException;
      throw new StoaError('invalid-configuration', `${key}: cannot read ${file} (${code})`, { cause });
    }
  };
  const { tls } = config;
  const servers = config.servers.flatMap((server) => parseServer(server) ?? []);
  const secure = tls !== undefined || servers.some((server) => server.secure);
  return {
    ...config,
    servers,
    name: config.name ?? `stoa-${nodeId}`,
    ...(await readLogin(config, text)),
    tls: secure
      ? {
          ca: await text('tls.ca', tls?.ca),
          cert: await text('tls.cert', tls?.cert),
          key: await text('tls.key', tls?.key),
          serverName: tls?.serverName,
        }
      : undefined,
  };
}

type ReadText = (key: string, file: string | undefined) => Promise<string | undefined>;

async function readLogin(config: Config, text: ReadText): Promise<Pick<Settings, 'login' | 'loginKeys'>> {
  const secret = async (key: string, file: string | undefined) => (await text(key, file))?.trim();
  if (config.user !== undefined) {
    const password = config.password ?? (await secret('password-file', config.passwordFile));
    return { login: usernamePasswordAuthenticator(config.user, password), loginKeys: '"user" and "password-file"' };
  }
  const token = config.token ?? (await secret('token-file', config.tokenFile));
  if (token !== undefined) return { login: tokenAuthenticator(token), loginKeys: '"token" or "token-file"' };
  const seed = await secret('nkey-file', config.nkeyFile);
  if (seed !== undefined) return tried('nkey-file', nkeyAuthenticator(Buffer.from(seed)));
  const creds = await text('creds-file', config.credsFile);
  if (creds !== undefined) return tried('creds-file', credsAuthenticator(Buffer.from(creds)));
  return { login: undefined, loginKeys: '"user" and "password-file", "token", "nkey-file" or "creds-file"' };
}

/** Signs something, so that a broken file is found now and not by a server. */
function tried(key: string, login: Authenticator): Pick<Settings, 'login' | 'loginKeys'> {
  try {
    login('challenge');
  } catch {
    // The error may hold what was read.
    throw new StoaError('invalid-configuration', `${key}: the file holds no key that could be read`);
  }
  return { login, loginKeys: `"${key}"` };
}

/** What the settings reach, in words, without a secret. */
export function describePlace({ servers }: Settings): string {
  return `NATS at ${servers.map(describeAddress).join(', ')}`;
}
