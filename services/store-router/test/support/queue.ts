import { type coordinator, storage } from '@stoa/contracts';
import type { DataStore } from '@stoa/plugin-sdk';
import { queueConfig } from '../../src/queue/config.ts';
import { type DeliverMessage, Notices } from '../../src/queue/notices.ts';
import { Queue } from '../../src/queue/queue.ts';
import { queueService } from '../../src/queue/service.ts';
import { testLogger } from './directory.ts';
import { MemoryDataStore } from './memory-data-store.ts';

const { QueueRecipient_Status: Status } = storage;

export interface QueueTestOptions {
  store?: DataStore;
  clock?: { now: number };
  deliver?: DeliverMessage;
  body?: string;
}

/** A queue on a store in memory, with its service. Notices that are delivered are kept. */
export function testQueue(options: QueueTestOptions = {}) {
  const store = options.store ?? new MemoryDataStore();
  const clock = options.clock ?? { now: 1_700_000_000_000 };
  const now = () => clock.now;
  const logger = testLogger();
  const events: NonNullable<coordinator.Event['kind']>[] = [];
  const sent: { envelope: storage.DeliveryEnvelope; message: string }[] = [];
  const config = queueConfig.parse({});
  const queue = new Queue({ store, config, now, publish: (event) => void events.push(event) });
  const notices = new Notices({
    store,
    deliver:
      options.deliver ??
      (async (envelope, message) => {
        sent.push({ envelope, message: Buffer.from(message).toString() });
        return envelope.recipients.map(() => ({ errorCode: '', retryable: false }));
      }),
    resolve: async (address) =>
      address.startsWith('nobody') ? undefined : [storage.DeliveryRecipient.fromPartial({ address })],
    lifetime: config.lifetime,
    logger,
    now,
  });
  const service = queueService({
    queue,
    notices,
    readBody: async (_, end) => Buffer.from(options.body ?? 'Subject: hello\r\n\r\nbody\r\n').subarray(0, end),
    hostname: 'mx.example.org',
    logger,
    now,
  });
  return { store, clock, logger, events, sent, config, queue, notices, service };
}

/** Queues a message; one entry for each domain of the recipients. */
export async function enqueue(
  queue: Queue,
  store: DataStore,
  recipients: readonly (string | Partial<storage.DeliveryRecipient>)[],
  envelope: Partial<storage.DeliveryEnvelope> = {},
): Promise<string> {
  const { recipients: _, ...head } = storage.DeliveryEnvelope.fromPartial({
    sender: 'sender@example.org',
    ...envelope,
  });
  const parts = queue.enqueue({
    envelope: head,
    recipients: recipients.map((each) =>
      storage.DeliveryRecipient.fromPartial(typeof each === 'string' ? { address: each } : each),
    ),
    blobId: new Uint8Array(32).fill(7),
    size: 100,
  });
  await store.commit(parts);
  return parts.queueId;
}

/** A report that says the same of all recipients that were pending. */
export function reportOf(
  entry: storage.QueueEntry,
  status: storage.QueueRecipient_Status = Status.STATUS_DELIVERED,
  more: Partial<storage.ReportRequest> = {},
): storage.ReportRequest {
  return storage.ReportRequest.fromPartial({
    id: entry.id,
    fence: entry.fence,
    recipients: entry.recipients.map((recipient) =>
      recipient.status === Status.STATUS_PENDING ? { ...recipient, status } : recipient,
    ),
    ...more,
  });
}
