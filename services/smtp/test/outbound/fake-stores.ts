import { type Client, type coordinator, storage } from '@stoa/contracts';
import { StoaError } from '@stoa/plugin-sdk';
import type { EventClient } from '@stoa/service-kit';

const { QueueRecipient_Status: Status, ResolveRecipientResponse_Kind: Kind } = storage;

type EventListener = Parameters<EventClient['subscribe']>[0];

/** A queue in memory that keeps to leases and fences as the real one does. */
export class FakeQueue {
  readonly rows = new Map<string, { entry: storage.QueueEntry; leasedUntil: number }>();
  readonly reports: storage.ReportRequest[] = [];
  readonly leases: storage.LeaseRequest[] = [];
  /** Thrown by the next calls of `report`; with `recorded`, after the result was recorded. */
  readonly failures: { error: Error; recorded: boolean }[] = [];
  readonly #clock: { now: number };
  #waiting: { count: number; resolve(): void }[] = [];

  constructor(clock: { now: number }) {
    this.#clock = clock;
  }

  get notices(): { recipient: string; text: string }[] {
    return this.reports.flatMap(({ notices }) =>
      notices.map(({ recipient, message }) => ({ recipient, text: Buffer.from(message).toString() })),
    );
  }

  add(fields: Partial<Omit<storage.QueueEntry, 'recipients'>>, recipients: readonly Partial<storage.QueueRecipient>[]) {
    const { now } = this.#clock;
    const entry = storage.QueueEntry.fromPartial({
      id: `q${this.rows.size + 1}`,
      sender: 'sender@example.test',
      domain: 'remote.test',
      blobId: Buffer.alloc(32, 1),
      createdAt: now,
      nextAttemptAt: now,
      expiresAt: now + 5 * 86_400_000,
      ...fields,
      recipients: recipients.map((one) => ({ status: Status.STATUS_PENDING, ...one })),
    });
    this.rows.set(entry.id, { entry, leasedUntil: 0 });
    return entry.id;
  }

  entry(id: string): storage.QueueEntry | undefined {
    return this.rows.get(id)?.entry;
  }

  /** Resolves when so many results were recorded in all. */
  reported(count: number): Promise<void> {
    if (this.reports.length >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ count, resolve }));
  }

  readonly client = {
    lease: async (request: Partial<storage.LeaseRequest>) => {
      const wish = storage.LeaseRequest.fromPartial(request);
      this.leases.push(wish);
      const { now } = this.#clock;
      const counts = new Map<string, number>();
      const entries: storage.QueueEntry[] = [];
      for (const [id, row] of this.rows) {
        const { domain } = row.entry;
        const count = counts.get(domain) ?? 0;
        const isDue = row.leasedUntil <= now && row.entry.nextAttemptAt <= now;
        if (!isDue || entries.length >= wish.limit || wish.busyDomains.includes(domain)) continue;
        if (wish.limitPerDomain > 0 && count >= wish.limitPerDomain) continue;
        counts.set(domain, count + 1);
        const entry = { ...row.entry, fence: row.entry.fence + 1, attempts: row.entry.attempts + 1 };
        this.rows.set(id, { entry, leasedUntil: now + wish.leaseMs });
        entries.push(entry);
      }
      const due = [...this.rows.values()].map((row) => Math.max(row.leasedUntil, row.entry.nextAttemptAt));
      return { entries, nextDueAt: due.length === 0 ? 0 : Math.min(...due) };
    },
    report: async (request: Partial<storage.ReportRequest>) => {
      const failure = this.failures.shift();
      if (failure !== undefined && !failure.recorded) throw failure.error;
      this.#record(storage.ReportRequest.fromPartial(request));
      if (failure !== undefined) throw failure.error;
      return {};
    },
  } as unknown as Client<typeof storage.QueueServiceDefinition>;

  #record(report: storage.ReportRequest): void {
    const row = this.rows.get(report.id);
    if (row === undefined || row.entry.fence !== report.fence || row.leasedUntil === 0) {
      throw new StoaError('conflict', 'not leased', { retryable: false });
    }
    const { recipients, nextAttemptAt, lastError } = report;
    const told = recipients.map(({ address }) => address).join();
    if (told !== row.entry.recipients.map(({ address }) => address).join()) throw new Error('other recipients');
    if (recipients.some(({ status }) => status === Status.STATUS_PENDING)) {
      const delayNotified = row.entry.delayNotified || report.delayNotified;
      const entry = { ...row.entry, recipients, nextAttemptAt, lastError, delayNotified };
      this.rows.set(report.id, { entry, leasedUntil: 0 });
    } else this.rows.delete(report.id);
    this.reports.push(report);
    this.#waiting = this.#waiting.filter(({ count, resolve }) => {
      if (this.reports.length < count) return true;
      resolve();
      return false;
    });
  }
}

/** One body for all entries, given in small chunks. */
export function fakeBlobs(message: () => Buffer, chunk = 1000): Client<typeof storage.BlobServiceDefinition> {
  return {
    async *read({ ranges }: { ranges: { end: number }[] }) {
      const end = ranges[0]?.end ?? 0;
      const bytes = end === 0 ? message() : message().subarray(0, end);
      for (let at = 0; at < bytes.length; at += chunk) {
        const data = bytes.subarray(at, at + chunk);
        yield { index: 0, data, last: at + chunk >= bytes.length, errorCode: '' };
      }
    },
  } as unknown as Client<typeof storage.BlobServiceDefinition>;
}

/** Answers for addresses of our domains; every other domain is not ours. */
export function fakeDirectory(
  known: Record<string, Partial<storage.ResolveRecipientResponse_Target>[] | 'unknown'>,
): Client<typeof storage.DirectoryServiceDefinition> {
  return {
    async resolveRecipient({ address }: { address: string }) {
      const targets = known[address];
      if (targets === undefined) return { kind: Kind.KIND_REMOTE, targets: [] };
      if (targets === 'unknown') return { kind: Kind.KIND_UNKNOWN, targets: [] };
      return storage.ResolveRecipientResponse.fromPartial({ kind: Kind.KIND_LOCAL, targets });
    },
  } as unknown as Client<typeof storage.DirectoryServiceDefinition>;
}

export interface LocalDelivery {
  envelope: storage.DeliveryEnvelope;
  message: string;
}

/** Takes deliveries; `results` tells what becomes of each. */
export function fakeMail(
  deliveries: LocalDelivery[],
  results: () => Partial<storage.DeliverResponse_Result>[] | undefined,
): Client<typeof storage.MailServiceDefinition> {
  return {
    async deliver(requests: AsyncIterable<storage.DeliverRequest>) {
      let envelope: storage.DeliveryEnvelope | undefined;
      let message = '';
      for await (const { part } of requests) {
        if (part?.$case === 'envelope') envelope = storage.DeliveryEnvelope.fromPartial(part.value);
        else if (part?.$case === 'data') message += Buffer.from(part.value).toString('latin1');
      }
      deliveries.push({ envelope: envelope as storage.DeliveryEnvelope, message });
      return storage.DeliverResponse.fromPartial({ results: results() ?? envelope?.recipients.map(() => ({})) ?? [] });
    },
  } as unknown as Client<typeof storage.MailServiceDefinition>;
}

/** Events that a test publishes itself. */
export class FakeEvents implements EventClient {
  connected = true;
  readonly #listeners = new Set<EventListener>();

  publish(kind: NonNullable<coordinator.Event['kind']>): void {
    for (const listener of this.#listeners) listener.event({ traceParent: '', kind }, 'n1');
  }

  follow(): void {}

  subscribe(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async flush(): Promise<void> {}
}
