import { randomBytes } from 'node:crypto';
import { storage } from '@stoa/contracts';
import {
  type AccountSession,
  AccountWatch,
  AddressBlocks,
  defineService,
  formatAddress,
  pickKeys,
  type Service,
} from '@stoa/service-kit';
import { type ImapConfig, imapConfig, LIVE_KEYS } from './config.ts';
import type { ImapContext } from './context.ts';
import { Gatekeeper } from './gatekeeper.ts';
import { ImapListener } from './listener.ts';
import { MailboxCache } from './mailbox-cache.ts';
import { createMetrics } from './metrics.ts';
import { SessionInterest } from './session-interest.ts';

/** How often it is looked whether mailboxes are to be read without an event. */
const TICK_MS = 1_000;

/** IMAP4rev1 and IMAP4rev2 listeners. */
export const imapModule = defineService({
  name: 'imap',
  configSchema: imapConfig,
  liveKeys: LIVE_KEYS,
  needs: ['store-router', 'coordinator'],
  offers: [],
  async create(context): Promise<Service> {
    const { config, node, logger, events, certificates, now } = context;
    const mail = context.client(storage.MailServiceDefinition);
    const directory = context.client(storage.DirectoryServiceDefinition);
    const gatekeeper = new Gatekeeper(() => ({
      maxConnections: shared.config['max-connections'],
      maxPerAddress: shared.config['max-connections-per-address'],
    }));
    const blocks = new AddressBlocks({
      check: async (address, timeoutMs) => (await directory.checkAddress({ address }, { timeoutMs })).blockedUntil,
      logger,
      now,
    });
    const accounts = new AccountWatch({
      directory,
      sessions: () => authenticated(listeners),
      connected: () => events.connected,
      logger,
    });
    const mailboxes = new MailboxCache(mail, config['cache-size'], logger);
    const interest = new SessionInterest(events, now);
    const shared: Mutable<ImapContext> = {
      config,
      node,
      mail,
      directory,
      blobs: context.client(storage.BlobServiceDefinition),
      mailboxes,
      interest,
      accounts,
      certificates,
      logger,
      metrics: createMetrics(() => gatekeeper.total),
      random: randomBytes,
    };
    const listeners = config.listeners.map(
      (listener) => new ImapListener(shared, listener, gatekeeper, blocks, context.listen),
    );
    const addresses: Record<string, string> = {};
    let unsubscribe: () => void = () => {};
    let tick: NodeJS.Timeout | undefined;
    let polledAt = 0;

    /** What could not be read is tried again, and without events all is read every so often. */
    const onTick = () => {
      mailboxes.syncStale();
      interest.tidy();
      if (events.connected || now() - polledAt < shared.config['poll-interval']) return;
      polledAt = now();
      mailboxes.syncAll();
    };

    return {
      contracts: [],
      async start() {
        unsubscribe = events.subscribe({
          event({ kind }) {
            if (kind?.$case === 'mailboxChanged')
              mailboxes.changed(kind.value.accountId, kind.value.mailboxId, kind.value.modseq);
            else if (kind?.$case === 'mailboxListChanged') mailboxes.syncAccount(kind.value.accountId);
            else if (kind?.$case === 'accountChanged' && kind.value.endSessions)
              accounts.ended(kind.value.accountId, kind.value.credentialVersion);
            else if (kind?.$case === 'addressBlocked')
              blocks.set(kind.value.address, kind.value.network, kind.value.until);
          },
          gap() {
            polledAt = now();
            mailboxes.syncAll();
            blocks.forget();
            void accounts.check();
          },
          mailboxGap: (streams) => mailboxes.syncStreams(streams),
        });
        tick = setInterval(onTick, TICK_MS).unref();
        accounts.start();
        for (const listener of listeners) addresses[listener.config.name] = formatAddress(await listener.listen());
      },
      async drain(signal) {
        await Promise.all(listeners.map((listener) => listener.drain(signal)));
      },
      async stop() {
        unsubscribe();
        clearInterval(tick);
        accounts.stop();
        for (const listener of listeners) listener.stop();
      },
      // The router answers for the stores; without it this service shows no mail.
      async check() {
        await directory.listDomains({}, { timeoutMs: 1_500 });
      },
      reload(next) {
        shared.config = { ...shared.config, ...pickKeys(next as ImapConfig, LIVE_KEYS) };
      },
      addresses,
      get sessions() {
        return gatekeeper.total;
      },
    };
  },
});

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The sessions that are logged in. */
function* authenticated(listeners: readonly ImapListener[]): Generator<AccountSession> {
  for (const { connections } of listeners) {
    for (const connection of connections) {
      const { account } = connection.session;
      if (account === undefined) continue;
      const { id: accountId, credentialVersion } = account;
      yield { accountId, credentialVersion, end: () => connection.endSession() };
    }
  }
}
