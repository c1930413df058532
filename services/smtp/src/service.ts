import { randomBytes } from 'node:crypto';
import { storage } from '@stoa/contracts';
import { defineService, formatAddress, type Service } from '@stoa/service-kit';
import { BlockedAddresses } from './blocked-addresses.ts';
import { smtpConfig } from './config.ts';
import type { SmtpContext } from './context.ts';
import { ConnectionCounter, SmtpListener } from './listener.ts';
import { createMetrics } from './metrics.ts';
import { createOutbound } from './outbound/index.ts';

/** SMTP, submission and LMTP listeners, and the sender of the outbound queue. */
export const smtpModule = defineService({
  name: 'smtp',
  configSchema: smtpConfig,
  needs: ['store-router', 'coordinator'],
  offers: [],
  async create(context): Promise<Service> {
    const { config, node, logger, events, certificates, now } = context;
    const mail = context.client(storage.MailServiceDefinition);
    const directory = context.client(storage.DirectoryServiceDefinition);
    const shared: SmtpContext = {
      config,
      node,
      mail,
      directory,
      certificates,
      logger,
      now,
      metrics: createMetrics(),
      random: randomBytes,
    };
    const blocked = new BlockedAddresses(now);
    const counter = new ConnectionCounter();
    const listeners = config.listeners.map((listener) => new SmtpListener(shared, listener, counter, blocked));
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
            if (kind?.$case === 'addressBlocked') blocked.set(kind.value.address, kind.value.until);
          },
          gap() {},
        });
        for (const listener of listeners) addresses[listener.config.name] = formatAddress(await listener.listen());
        outbound.start();
      },
      async drain(signal) {
        await Promise.all([...listeners.map((listener) => listener.drain(signal)), outbound.drain(signal)]);
      },
      async stop() {
        unsubscribe();
        for (const listener of listeners) listener.stop();
        await outbound.stop();
      },
      // The router answers for the stores; without it this service takes no mail.
      async check() {
        await directory.listDomains({}, { timeoutMs: 1_500 });
      },
      addresses,
      get sessions() {
        return counter.total;
      },
    };
  },
});
