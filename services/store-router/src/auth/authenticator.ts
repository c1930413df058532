import { createHmac, randomBytes } from 'node:crypto';
import { StoaError } from '@stoa/plugin-sdk';
import type { Logger } from '@stoa/service-kit';
import type { Directory, FoundAccount } from '../directory/directory.ts';
import type { AuthConfig } from './config.ts';
import type { LoginLimits } from './login-limits.ts';
import { hashPassword, needsRehash, verifyPassword } from './password.ts';

export interface AuthenticatorOptions {
  directory: Directory;
  limits: LoginLimits;
  config: AuthConfig;
  now(): number;
  logger: Logger;
}

const CACHE_LIMIT = 100_000;

/** Checks passwords. An unknown user, a wrong password and a disabled account look alike, in words and in time. */
export class Authenticator {
  readonly #options: AuthenticatorOptions;
  /** Of this process only, so that what the cache holds says nothing elsewhere. */
  readonly #key = randomBytes(32);
  readonly #verified = new Map<string, number>();

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  /** Rejects with `unauthenticated` or `rate-limited`. */
  async authenticate(username: string, password: string, remoteAddress: string): Promise<FoundAccount> {
    const { directory, limits, logger } = this.#options;
    await limits.check(remoteAddress, username);
    const account = await directory.findAccount(username);
    const right = await this.#matches(account, password);
    if (account !== undefined && right && !account.row.disabled) {
      if (needsRehash(account.row.passwordHash)) this.#rehash(account, password);
      return account;
    }
    logger.info({ remoteAddress, account: account?.row.accountId, cause: cause(account, right) }, 'a login failed');
    await limits.failed(remoteAddress, username);
    throw new StoaError('unauthenticated', 'wrong user name or password');
  }

  /** The version of the credentials is part of the cache's key, so that a changed password is never recognised by it. */
  async #matches(account: FoundAccount | undefined, password: string): Promise<boolean> {
    const { now, config } = this.#options;
    const token =
      account === undefined
        ? undefined
        : createHmac('sha256', this.#key)
            .update(`${account.row.accountId}\0${account.row.credentialVersion}\0${password}`)
            .digest('base64');
    if (token !== undefined && (this.#verified.get(token) ?? 0) > now()) return true;
    const right = await verifyPassword(account?.row.passwordHash, password);
    if (right && token !== undefined) {
      if (this.#verified.size >= CACHE_LIMIT) this.#verified.clear();
      this.#verified.set(token, now() + config['cache-time']);
    }
    return right;
  }

  /** Later, and without harm when it fails: the old hash goes on working. */
  #rehash({ address, row }: FoundAccount, password: string): void {
    hashPassword(password)
      .then((passwordHash) =>
        this.#options.directory.updateAccount(address, (now) =>
          now.passwordHash === row.passwordHash ? { ...now, passwordHash } : now,
        ),
      )
      .catch((error: unknown) => this.#options.logger.warn({ error }, 'a password was not hashed anew'));
  }
}

function cause(account: FoundAccount | undefined, right: boolean): string {
  if (account === undefined) return 'unknown user';
  return right ? 'disabled' : 'wrong password';
}
