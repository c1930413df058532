import { createHmac, createSecretKey, randomBytes } from 'node:crypto';
import { StoaError } from '@stoa/plugin-sdk';
import type { Logger } from '@stoa/service-kit';
import { directoryAddress } from '../directory/address.ts';
import type { Directory, FoundAccount } from '../directory/directory.ts';
import type { AuthConfig } from './config.ts';
import type { LoginLimits } from './login-limits.ts';
import { hashing, hashPassword, needsRehash, verifyPassword } from './password.ts';

export interface AuthenticatorOptions {
  directory: Directory;
  limits: LoginLimits;
  config: AuthConfig;
  now(): number;
  logger: Logger;
}

const CACHE_LIMIT = 100_000;
const MAX_NAME = 320;

/** Checks passwords. An unknown user, a wrong password and a disabled account look alike, in words and in time. */
export class Authenticator {
  readonly #options: AuthenticatorOptions;
  /** Of this process only, so that what the cache holds says nothing elsewhere. */
  readonly #key = createSecretKey(randomBytes(32));
  readonly #verified = new Map<string, number>();
  readonly #rehashing = new Set<string>();

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  /**
   * Rejects with `unauthenticated` or `rate-limited`, and with `resource-exhausted` when too many logins wait already.
   * `remoteAddress`: an IP address; without one the limits are the account's alone.
   */
  async authenticate(
    username: string,
    password: string,
    remoteAddress: string,
    signal?: AbortSignal,
  ): Promise<FoundAccount> {
    const { directory, limits, config, now } = this.#options;
    const name = loginName(username);
    await limits.check(remoteAddress, name);
    const account = await directory.findAccount(username);
    const token = this.#token(account, password);
    if (account !== undefined && !account.row.disabled && (this.#verified.get(token) ?? 0) > now()) return account;
    const right = await hashing.run(async (waited) => {
      // Of many guesses at once, those that waited learn what the first ones did.
      if (waited) await limits.check(remoteAddress, name);
      const matches = await verifyPassword(account?.row.passwordHash, password);
      const allowed = matches && account !== undefined && !account.row.disabled;
      if (!allowed) await this.#failed(remoteAddress, name, account, matches);
      return allowed;
    }, signal);
    if (!right || account === undefined) throw new StoaError('unauthenticated', 'wrong user name or password');
    this.#remember(token, now() + config['cache-time']);
    await limits.succeeded(remoteAddress, name);
    if (needsRehash(account.row.passwordHash)) this.#rehash(account, password);
    return account;
  }

  async #failed(remoteAddress: string, name: string, account: FoundAccount | undefined, matches: boolean) {
    const cause = account === undefined ? 'unknown user' : matches ? 'disabled' : 'wrong password';
    this.#options.logger.info({ remoteAddress, account: account?.row.accountId, cause }, 'a login failed');
    await this.#options.limits.failed(remoteAddress, name);
  }

  /** The version of the credentials is part of it, so that a changed password is never recognised by the cache. */
  #token(account: FoundAccount | undefined, password: string): string {
    const { accountId, credentialVersion } = account?.row ?? { accountId: '', credentialVersion: 0 };
    return createHmac('sha256', this.#key).update(`${accountId}\0${credentialVersion}\0${password}`).digest('base64');
  }

  #remember(token: string, until: number): void {
    this.#verified.delete(token);
    this.#verified.set(token, until);
    if (this.#verified.size <= CACHE_LIMIT) return;
    for (const oldest of this.#verified.keys()) {
      this.#verified.delete(oldest);
      return;
    }
  }

  /** Later, and without harm when it fails: the old hash goes on working. */
  #rehash({ address, row }: FoundAccount, password: string): void {
    if (this.#rehashing.has(row.accountId)) return;
    this.#rehashing.add(row.accountId);
    hashPassword(password)
      .then((passwordHash) =>
        this.#options.directory.updateAccount(address, (now) =>
          now.passwordHash === row.passwordHash ? { ...now, passwordHash } : now,
        ),
      )
      .catch((error: unknown) => this.#options.logger.warn({ err: error }, 'a password was not hashed anew'))
      .finally(() => this.#rehashing.delete(row.accountId));
  }
}

/** The one form of a user name, so that another spelling is not another count. */
function loginName(username: string): string {
  try {
    return directoryAddress(username);
  } catch {
    return username.slice(0, MAX_NAME).normalize('NFC').toLowerCase();
  }
}
