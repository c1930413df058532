import { join } from 'node:path';
import { storage } from '@stoa/contracts';
import { bind, defineService, type Service } from '@stoa/service-kit';
import { Accounts } from './account/index.ts';
import { Authenticator } from './auth/authenticator.ts';
import { LoginLimits } from './auth/login-limits.ts';
import { blobService } from './body/blob-service.ts';
import { Bodies } from './body/bodies.ts';
import { certificateService } from './certificates/service.ts';
import { storeRouterConfig } from './config.ts';
import { Directory } from './directory/directory.ts';
import { directoryService } from './directory/service.ts';
import { Leases } from './lease/leases.ts';
import type { MailContext } from './mail/context.ts';
import { IndexPace } from './mail/index-pace.ts';
import { messageStructure, messageText } from './mail/message-text.ts';
import { mailService } from './mail/service.ts';
import { maintenanceService } from './maintenance/service.ts';
import { memoryService } from './memory/memory-service.ts';
import { openMovable } from './migration/movable-store.ts';
import { deliverMessage, noticeRecipients, readBeginning } from './queue/notice-delivery.ts';
import { Notices } from './queue/notices.ts';
import { Queue } from './queue/queue.ts';
import { queueService } from './queue/service.ts';
import { checkStoreFormat } from './store-format.ts';
import { StoreHealth } from './store-health.ts';

/** Owns the stores: mailboxes, messages, accounts, the outbound queue. Keeps no state that matters, so any number may run. */
export const storeRouterModule = defineService({
  name: 'store-router',
  configSchema: storeRouterConfig,
  needs: ['coordinator'],
  offers: [
    storage.MailServiceDefinition,
    storage.BlobServiceDefinition,
    storage.DirectoryServiceDefinition,
    storage.QueueServiceDefinition,
    storage.MemoryServiceDefinition,
    storage.MaintenanceServiceDefinition,
    storage.CertificateServiceDefinition,
  ],
  async create(context): Promise<Service> {
    const { config, node, logger, events } = context;
    const now = () => context.now();
    const [data, blob, memory, search] = await Promise.all([
      context.driver('data'),
      context.driver('blob'),
      context.driver('memory'),
      context.driver('search'),
    ]);
    const publish = events.publish.bind(events);
    const store = await openMovable(data.driver, data.capabilities, now);
    await checkStoreFormat(store);
    const accounts = new Accounts(store, { cacheBytes: config['cache-size'], now });
    const queue = new Queue({ store, config: config.queue, now, publish });
    const mail: MailContext = {
      accounts,
      bodies: new Bodies(blob.driver, store, { now }),
      search: search.driver,
      queue,
      intake: {
        maxBytes: config['message-size'],
        memoryBytes: config['message-memory'],
        spoolDirectory: join(node.dataDirectory, 'spool'),
        newStructure: messageStructure,
      },
      publish,
      logger,
      now,
    };
    const directory = new Directory({ store, accounts, postmaster: config.directory.postmaster, now });
    const limits = new LoginLimits({
      memory: memory.driver,
      config: config.auth,
      now,
      logger,
      block: (address, network, until) => publish({ $case: 'addressBlocked', value: { address, network, until } }),
    });
    const notices = new Notices({
      store,
      deliver: (envelope, message, signal) => deliverMessage(mail, envelope, message, signal),
      resolve: (address) => noticeRecipients(directory, address),
      lifetime: config.queue.lifetime,
      logger,
      now,
    });
    const authenticator = new Authenticator({ directory, limits, config: config.auth, now, logger });
    const maintenance = maintenanceService({
      accounts,
      directory,
      blobs: blob.driver,
      index: {
        accounts,
        blobs: blob.driver,
        search: search.driver,
        extractText: messageText,
        pace: new IndexPace(),
        logger,
      },
      leases: new Leases(store, now),
      queue,
      stores: [
        { kind: 'data', driver: data.name, store },
        { kind: 'blob', driver: blob.name, store: blob.driver },
        { kind: 'memory', driver: memory.name, store: memory.driver },
        { kind: 'search', driver: search.name, store: search.driver },
      ],
      now,
    });
    const others = new StoreHealth([
      { kind: 'blob', store: blob.driver },
      { kind: 'memory', store: memory.driver },
      { kind: 'search', store: search.driver },
    ]);
    let unsubscribe: (() => void) | undefined;
    return {
      contracts: [
        bind(storage.MailServiceDefinition, mailService(mail)),
        bind(storage.BlobServiceDefinition, blobService(blob.driver)),
        bind(
          storage.DirectoryServiceDefinition,
          directoryService({ directory, authenticator, limits, accounts, publish }),
        ),
        bind(
          storage.QueueServiceDefinition,
          queueService({
            queue,
            notices,
            readBody: (blobId, end, signal) => readBeginning(blob.driver, blobId, end, signal),
            hostname: node.hostname,
            logger,
            now,
          }),
        ),
        bind(storage.MemoryServiceDefinition, memoryService(memory.driver)),
        bind(storage.MaintenanceServiceDefinition, maintenance),
        bind(
          storage.CertificateServiceDefinition,
          certificateService({ store, leases: new Leases(store, now), publish, now }),
        ),
      ],
      async start() {
        unsubscribe ??= events.subscribe({
          event: ({ kind }) => {
            if (kind?.$case === 'accountChanged' || kind?.$case === 'domainChanged') directory.cache.clear();
          },
          gap: () => directory.cache.clear(),
        });
      },
      // Calls that are under way are finished by the server that took them; nothing is kept back here.
      drain: async () => {},
      async stop() {
        unsubscribe?.();
        unsubscribe = undefined;
      },
      // Without the data store nothing works; the others are missed less.
      async check() {
        await Promise.all([store.check(), others.look()]);
      },
      get degraded() {
        return others.degraded;
      },
      addresses: {},
      sessions: 0,
    };
  },
});
