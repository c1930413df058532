import { randomBytes } from 'node:crypto';
import { storage } from '@stoa/contracts';
import { defineService, formatAddress, type Service } from '@stoa/service-kit';
import { imapConfig } from './config.ts';
import type { ImapContext } from './context.ts';
import { Gatekeeper } from './gatekeeper.ts';
import { ImapListener } from './listener.ts';
import { MailboxCache } from './mailbox-cache.ts';
import { createMetrics } from './metrics.ts';

/** IMAP4rev1 and IMAP4rev2 listeners. */
export const imapModule = defineService({
  name: 'imap',
  configSchema: imapConfig,
  needs: ['store-router', 'coordinator'],
  offers: [],
  async create(context): Promise<Service> {
    const { config, node, logger, events, certificates, now } = context;
    const mail = context.client(storage.MailServiceDefinition);
    const directory = context.client(storage.DirectoryServiceDefinition);
    const gatekeeper = new Gatekeeper(
      { maxConnections: config['max-connections'], maxPerAddress: config['max-connections-per-address'] },
      now,
    );
    const mailboxes = new MailboxCache(mail, config['cache-size'], logger);
    const shared: ImapContext = {
      config,
      node,
      mail,
      directory,
      blobs: context.client(storage.BlobServiceDefinition),
      mailboxes,
      certificates,
      logger,
      metrics: createMetrics(() => gatekeeper.total),
      random: randomBytes,
    };
    const listeners = config.listeners.map((listener) => new ImapListener(shared, listener, gatekeeper));
    const addresses: Record<string, string> = {};
    let unsubscribe: () => void = () => {};
    let poll: NodeJS.Timeout | undefined;

    const endSessions = (accountId: string) => {
      for (const { connections } of listeners) {
        for (const connection of connections)
          if (connection.session.account?.id === accountId) connection.bye('Your session was ended');
      }
    };

    return {
      contracts: [],
      async start() {
        unsubscribe = events.subscribe({
          event({ kind }) {
            if (kind?.$case === 'mailboxChanged')
              mailboxes.changed(kind.value.accountId, kind.value.mailboxId, kind.value.modseq);
            else if (kind?.$case === 'mailboxListChanged') mailboxes.syncAccount(kind.value.accountId);
            else if (kind?.$case === 'accountChanged' && kind.value.endSessions) endSessions(kind.value.accountId);
            else if (kind?.$case === 'addressBlocked') gatekeeper.block(kind.value.address, kind.value.until);
          },
          gap: () => mailboxes.syncAll(),
        });
        poll = setInterval(() => {
          if (!events.connected) mailboxes.syncAll();
        }, config['poll-interval']);
        poll.unref();
        for (const listener of listeners) addresses[listener.config.name] = formatAddress(await listener.listen());
      },
      async drain(signal) {
        await Promise.all(listeners.map((listener) => listener.drain(signal)));
      },
      async stop() {
        unsubscribe();
        clearInterval(poll);
        for (const listener of listeners) listener.stop();
      },
      // The router answers for the stores; without it this service shows no mail.
      async check() {
        await directory.listDomains({}, { timeoutMs: 1_500 });
      },
      addresses,
      get sessions() {
        return gatekeeper.total;
      },
    };
  },
});
