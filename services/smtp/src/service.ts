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
import { LIVE_KEYS, type SmtpConfig, smtpConfig } from './config.ts';
import type { SmtpContext } from './context.ts';
import { ConnectionCounter, SmtpListener } from './listener.ts';
import { createMetrics } from './metrics.ts';
import { createOutbound } from './outbound/index.ts';
import { randomPool } from './random-pool.ts';

/** SMTP, submission and LMTP listeners, and the sender of the outbound queue. */
export const smtpModule = defineService({
  name: 'smtp',
  configSchema: smtpConfig,
  liveKeys: LIVE_KEYS,
  needs: ['store-router', 'coordinator'],
  offers: [],
  async create(context): Promise<Service> {
    const { config, node, logger, events, certificates, now } = context;
    const mail = context.client(storage.MailServiceDefinition);
    const directory = context.client(storage.DirectoryServiceDefinition);
    const accounts = new AccountWatch({
      directory,
      sessions: () => authenticated(listeners),
      connected: () => events.connected,
      logger,
    });
    const shared: Mutable<SmtpContext> = {
      config,
      node,
      mail,
      directory,
      accounts,
      certificates,
      logger,
      now,
      metrics: createMetrics(),
      random: randomPool(),
    };
    const blocks = new AddressBlocks({
      check: async (address, timeoutMs) => (await directory.checkAddress({ address }, { timeoutMs })).blockedUntil,
      logger,
      now,
    });
    const counter = new ConnectionCounter();
    const listeners = config.listeners.map(
      (listener) => new SmtpListener(shared, listener, counter, blocks, context.listen),
    );
    const outbound = createOutbound({
      config: config.outbound,
      node,
      queue: context.client(storage.QueueServiceDefinition),
      blobs: context.client(storage.BlobServiceDefinition),
      directory,
      mail,
      events,
      logger,
      now,
      random: randomBytes,
    });
    const addresses: Record<string, string> = {};
    let unsubscribe: () => void = () => {};
    return {
      contracts: [],
      async start() {
        unsubscribe = events.subscribe({
          event({ kind }) {
            if (kind?.$case === 'addressBlocked') {
              blocks.set(kind.value.address, kind.value.network, kind.value.until);
            } else if (kind?.$case === 'accountChanged' && kind.value.endSessions) {
              accounts.ended(kind.value.accountId, kind.value.credentialVersion);
            }
          },
          gap() {
            blocks.forget();
            void accounts.check();
          },
        });
        accounts.start();
        for (const listener of listeners) addresses[listener.config.name] = formatAddress(await listener.listen());
        outbound.start();
      },
      async drain(signal) {
        await Promise.all([...listeners.map((listener) => listener.drain(signal)), outbound.drain(signal)]);
      },
      async stop() {
        unsubscribe();
        accounts.stop();
        for (const listener of listeners) listener.stop();
        await outbound.stop();
      },
      // The router answers for the stores; without it this service takes no mail.
      async check() {
        await directory.listDomains({}, { timeoutMs: 1_500 });
      },
      reload(next) {
        shared.config = { ...shared.config, ...pickKeys(next as SmtpConfig, LIVE_KEYS) };
      },
      addresses,
      get sessions() {
        return counter.total;
      },
    };
  },
});

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The sessions that are logged in. */
function* authenticated(listeners: readonly SmtpListener[]): Generator<AccountSession> {
  for (const { connections } of listeners) {
    for (const connection of connections) {
      const { account } = connection.session;
      if (account === undefined) continue;
      const { id: accountId, credentialVersion } = account;
      yield { accountId, credentialVersion, end: () => connection.endSession() };
    }
  }
}
