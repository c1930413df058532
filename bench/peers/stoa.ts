import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { storage } from '@stoa/contracts';
import { type Shape, Stoa } from '../../e2e/support/stoa.ts';
import { SERVICES } from '../../tools/cluster/local-cluster.ts';
import { address, DOMAIN, diskUse, type MailServer, PASSWORD } from './mail-server.ts';
import { processTree } from './process-tree.ts';

export interface StoaServerOptions {
  accounts: number;
  shape?: Exclude<Shape, 'cluster'>;
  /** Accounts that nobody logs in to are made without a password: no hash to make. */
  withPasswords?: boolean;
  environment?: Record<string, string>;
  /** Folder for a profile of each process (`--cpu-prof`), written when it ends. */
  profiles?: string;
}

/** Accounts that are made at a time. */
const AT_ONCE = 8;

/** A Stoa of its own, with the configuration that it has by default but for the limits on clients of one address. */
export class StoaServer implements MailServer {
  readonly name = 'Stoa';
  readonly ports: { readonly smtp: number; readonly imaps: number };
  readonly stoa: Stoa;

  private constructor(stoa: Stoa) {
    this.stoa = stoa;
    this.ports = { smtp: stoa.port('smtp'), imaps: stoa.port('imaps') };
  }

  static async start(options: StoaServerOptions): Promise<StoaServer> {
    const { accounts, shape = 'all-in-one', withPasswords = true, environment, profiles } = options;
    if (profiles !== undefined) mkdirSync(profiles, { recursive: true });
    const stoa = await Stoa.start(shape, {
      environment: {
        STOA_IMAP__MAX_CONNECTIONS_PER_ADDRESS: '20000',
        ...(profiles === undefined ? {} : { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profiles}` }),
        ...environment,
      },
    });
    const server = new StoaServer(stoa);
    try {
      await server.#provision(accounts, withPasswords);
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  async #provision(accounts: number, withPasswords: boolean): Promise<void> {
    await this.stoa.client(storage.DirectoryServiceDefinition).createDomain({ name: DOMAIN });
    await this.addAccounts(0, accounts, withPasswords);
  }

  /** Makes the accounts from one number to another. */
  async addAccounts(from: number, accounts: number, withPasswords: boolean): Promise<void> {
    const directory = this.stoa.client(storage.DirectoryServiceDefinition);
    let next = from;
    const make = async () => {
      while (next < accounts)
        await directory.createAccount({ address: address(next++), password: withPasswords ? PASSWORD : '' });
    };
    await Promise.all(Array.from({ length: AT_ONCE }, make));
  }

  /** Waits until the full-text index has all messages of an INBOX; resolves with false when it takes longer (ms). */
  async indexed(account: number, ms: number): Promise<boolean> {
    const directory = this.stoa.client(storage.DirectoryServiceDefinition);
    const accountId =
      (await directory.getAccount({ by: { $case: 'address', value: address(account) } })).account?.id ?? '';
    const mail = this.stoa.client(storage.MailServiceDefinition);
    const { mailboxes } = await mail.listMailboxes({ accountId });
    const inbox = mailboxes.find(({ name }) => name === 'INBOX');
    if (inbox === undefined) throw new Error(`${address(account)} has no INBOX`);
    const terms = [{ field: storage.TextTerm_Field.FIELD_SUBJECT, text: 'nothing has this' }];
    for (const deadline = performance.now() + ms; performance.now() < deadline; await delay(200)) {
      const { indexedToUid } = await mail.searchText({ accountId, mailboxId: inbox.mailboxId, terms });
      if (indexedToUid + 1 >= inbox.uidNext) return true;
    }
    return false;
  }

  pids(): number[] {
    const roots = new Set(SERVICES.flatMap((service) => this.stoa.pids(service)));
    return [...new Set([...roots].flatMap((pid) => processTree(pid)))];
  }

  async restart(): Promise<void> {
    await this.stoa.stop();
    await this.stoa.startAll();
  }

  diskUse(): number {
    return diskUse(join(this.stoa.folder, 'data'));
  }

  async stop(): Promise<void> {
    await this.stoa[Symbol.asyncDispose]();
  }
}
