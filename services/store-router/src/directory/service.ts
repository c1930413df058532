import type { coordinator, Implementation, storage as Storage } from '@stoa/contracts';
import { storage } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import type { AccountStore, AccountUsage } from '../account/index.ts';
import type { Authenticator } from '../auth/authenticator.ts';
import type { LoginLimits } from '../auth/login-limits.ts';
import { hashPassword } from '../auth/password.ts';
import { domainOf, wireAddress } from './address.ts';
import type { Directory, FoundAccount } from './directory.ts';
import type { LocalTarget } from './resolve.ts';

export interface DirectoryServiceDeps {
  directory: Directory;
  authenticator: Authenticator;
  limits: LoginLimits;
  accounts: AccountStore;
  publish(event: NonNullable<coordinator.Event['kind']>): void;
}

const { ResolveRecipientResponse_Kind: Kind } = storage;
const KINDS = { local: Kind.KIND_LOCAL, remote: Kind.KIND_REMOTE, unknown: Kind.KIND_UNKNOWN } as const;

/** DirectoryService: the directory, made public. */
export function directoryService(
  deps: DirectoryServiceDeps,
): Implementation<typeof storage.DirectoryServiceDefinition> {
  const { directory, authenticator, limits, accounts, publish } = deps;
  /** `credentialVersion`: what sessions need to go on; 0: none do. */
  const changed = ({ address, row }: FoundAccount, endSessions: boolean, credentialVersion = 0) =>
    publish({
      $case: 'accountChanged',
      value: { accountId: row.accountId, address, endSessions, credentialVersion },
    });
  const describe = async (found: FoundAccount): Promise<Storage.Account> =>
    account(found, await accounts.usage(found.row.accountId));

  return {
    async authenticate({ username, password, remoteAddress }, { signal }) {
      const { address, row } = await authenticator.authenticate(username, password, remoteAddress, signal);
      return { accountId: row.accountId, address, credentialVersion: row.credentialVersion };
    },

    async checkAddress({ address }) {
      return { blockedUntil: await limits.blockedUntil(address) };
    },

    async resolveRecipient({ address }) {
      const { kind, local, remote } = await directory.resolve(address);
      const rooms = await accounts.haveRoom(local.map((target) => target.account.accountId));
      return {
        kind: KINDS[kind],
        targets: [
          ...local.map((target, i) => localTarget(target, rooms[i] === true)),
          ...remote.map((outside) => ({ accountId: '', address: wireAddress(outside) })),
        ],
      };
    },

    async checkSender({ accountId, address }) {
      const [own, { local, remote }] = await Promise.all([
        directory.findAccountById(accountId),
        directory.resolve(address),
      ]);
      if (own === undefined || own.row.disabled || remote.length > 0) return { allowed: false };
      // An alias of several is nobody's own; one that leads to this account alone is its other name.
      return { allowed: local.length === 1 && local[0]?.account.accountId === accountId };
    },

    async getAccount({ by, fresh }) {
      const found =
        by?.$case === 'id'
          ? await directory.findAccountById(by.value, fresh)
          : await directory.findAccount(by?.value ?? '');
      if (found === undefined) throw new StoaError('not-found', `there is no account ${by?.value ?? ''}`);
      return { account: await describe(found) };
    },

    async createAccount({ address, password, quotaBytes }) {
      const passwordHash = password === '' ? '' : await hashPassword(password);
      const found = await directory.createAccount(address, passwordHash, quotaBytes);
      changed(found, false);
      return { account: await describe(found) };
    },

    async updateAccount({ address, password, disabled, quotaBytes }) {
      const passwordHash = password === undefined ? undefined : await hashPassword(password);
      const credentials = passwordHash !== undefined || disabled === true;
      const found = await directory.updateAccount(address, (row) => ({
        ...row,
        passwordHash: passwordHash ?? row.passwordHash,
        disabled: disabled ?? row.disabled,
        credentialVersion: row.credentialVersion + (credentials ? 1 : 0),
      }));
      if (quotaBytes !== undefined) await accounts.setQuota(found.row.accountId, quotaBytes);
      changed(found, credentials, credentials ? found.row.credentialVersion : 0);
      return { account: await describe(found) };
    },

    async deleteAccount({ address }) {
      changed(await directory.deleteAccount(address), true);
      return {};
    },

    async *listAccounts({ domain }, { signal }) {
      for await (const page of directory.listAccounts(domain, signal)) {
        const usages = await accounts.usages(page.map(({ row }) => row.accountId));
        yield { accounts: page.map((found, i) => account(found, usages[i])) };
      }
    },

    async createDomain({ name }) {
      const domain = await directory.createDomain(name);
      publish({ $case: 'domainChanged', value: { domain: domain.name } });
      return { domain };
    },

    async deleteDomain({ name }) {
      publish({ $case: 'domainChanged', value: { domain: await directory.deleteDomain(name) } });
      return {};
    },

    async listDomains() {
      return { domains: await directory.listDomains() };
    },

    async addAlias({ address, targets }) {
      const alias = await directory.addAlias(address, targets);
      publish({ $case: 'domainChanged', value: { domain: domainOf(alias.address) } });
      return { alias };
    },

    async removeAlias({ address, targets }) {
      const alias = await directory.removeAlias(address, targets);
      publish({ $case: 'domainChanged', value: { domain: domainOf(alias) } });
      return {};
    },

    async *listAliases({ domain }, { signal }) {
      for await (const aliases of directory.listAliases(domain, signal)) yield { aliases };
    },
  };
}

function account({ address, row }: FoundAccount, usage: AccountUsage | undefined): Storage.Account {
  return {
    id: row.accountId,
    address,
    disabled: row.disabled,
    quotaBytes: usage?.quotaBytes ?? 0,
    usedBytes: usage?.usedBytes ?? 0,
    messages: usage?.messages ?? 0,
    createdAt: row.createdAt,
    credentialVersion: row.credentialVersion,
  };
}

function localTarget(target: LocalTarget, hasRoom: boolean): Storage.ResolveRecipientResponse_Target {
  return {
    accountId: target.account.accountId,
    address: wireAddress(target.address),
    mailbox: target.mailbox,
    overQuota: !hasRoom,
    disabled: target.account.disabled,
  };
}
