import { randomBytes } from 'node:crypto';
import { context, propagation } from '@opentelemetry/api';
import { type coordinator, storage } from '@stoa/contracts';
import { canonicalDomain } from '@stoa/mail';
import { type DataStore, hasCode, MAX_COMMIT_MUTATIONS, StoaError } from '@stoa/plugin-sdk';
import { dueBefore, entries, entryKey, parseDueKey, queuedKey } from '../keys-queue.ts';
import { scanPages } from '../scan-pages.ts';
import type { QueueConfig } from './config.ts';
import type { EnqueueParts, OutboundMessage, OutboundQueue } from './enqueue.ts';
import { decodeEntry, type EntryRow, newEntry, removeEntry, replaceEntry } from './entry-row.ts';
import { type LeaseWish, leaseEntries } from './lease-entries.ts';
import { decodeMarker, markQueued, type PurgeMarkersOptions, purgeMarkers } from './markers.ts';
import type { Notices } from './notices.ts';

const { QueueRecipient_Status: Status } = storage;

export interface QueueOptions {
  store: DataStore;
  config: QueueConfig;
  now(): number;
  publish(event: NonNullable<coordinator.Event['kind']>): void;
}

const ATTEMPTS = 20;
const MAX_LEASED = 1_000;
const MAX_LEASE_MS = 24 * 3_600_000;
/** Each entry is three rows, and the commit has room for what protects the body. */
const MAX_ENTRIES = Math.floor(MAX_COMMIT_MUTATIONS / 3) - 10;
/** More of one domain are several entries, so that each stays far below what a value may have. */
const MAX_RECIPIENTS = 1_000;
/** Characters that are kept of what a server said. */
const MAX_TEXT = 1_000;

/** The durable outbound queue: one entry for a message and a destination domain, several where very many wait there. */
export class Queue implements OutboundQueue {
  readonly #options: QueueOptions;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  enqueue({ envelope, recipients, blobId, size }: OutboundMessage): EnqueueParts {
    const now = this.#options.now();
    const queueId = randomBytes(8).toString('hex');
    const carrier: Record<string, string> = {};
    propagation.inject(context.active(), carrier);
    const groups = groupByDomain(recipients);
    if (groups.length > MAX_ENTRIES) {
      throw new StoaError('limit-exceeded', `a message goes to at most ${MAX_ENTRIES} domains`);
    }
    const mutations = groups.flatMap(({ domain, group }, index) =>
      newEntry({
        leasedUntil: 0,
        entry: {
          id: `${queueId}-${index + 1}`,
          sender: envelope.sender,
          domain,
          recipients: group.map(pending),
          blobId,
          size,
          envelopeId: envelope.envelopeId,
          returnFull: envelope.returnFull,
          smtputf8: envelope.smtputf8,
          eightBitMime: envelope.eightBitMime,
          createdAt: now,
          nextAttemptAt: now,
          expiresAt: now + this.#options.config.lifetime,
          attempts: 0,
          lastError: '',
          fence: 0,
          traceParent: carrier['traceparent'] ?? '',
          delayNotified: false,
        },
      }),
    );
    if (envelope.idempotencyKey === '') return { queueId, conditions: [], mutations };
    const { condition, mutation } = markQueued(envelope.idempotencyKey, queueId, now);
    return { queueId, conditions: [condition], mutations: [...mutations, mutation] };
  }

  async queued(idempotencyKey: string): Promise<string | undefined> {
    const [row] = await this.#options.store.get([queuedKey(idempotencyKey)]);
    return row === undefined ? undefined : decodeMarker(row).queueId;
  }

  announce(_parts: EnqueueParts): void {
    this.#options.publish({ $case: 'queueReady', value: { domain: '' } });
  }

  /** Takes entries that are due, each for one worker and for `leaseMs`; its fence grows. */
  async lease(wish: LeaseWish): Promise<storage.QueueEntry[]> {
    const { store, now } = this.#options;
    if (wish.leaseMs < 1 || wish.leaseMs > MAX_LEASE_MS) {
      throw new StoaError('invalid-argument', `a lease takes 1 to ${MAX_LEASE_MS} ms`);
    }
    return leaseEntries(store, now, { ...wish, limit: Math.min(wish.limit, MAX_LEASED) });
  }

  /** When the next entry is due, the end of a lease counted as that; 0: none waits. */
  async nextDueAt(): Promise<number> {
    for await (const batch of this.#options.store.scan(dueBefore(), { limit: 1, keysOnly: true })) {
      const first = batch[0];
      if (first !== undefined) return parseDueKey(first.key).dueAt;
    }
    return 0;
  }

  /**
   * Records what became of an entry, and the notices about it, in one commit: with recipients pending it is kept for another
   * attempt, else removed. Rejects with `conflict` when another worker took the entry, or it was reported on already. A
   * lease that ran out still counts until another takes it.
   */
  async report(report: storage.ReportRequest, notices: Notices): Promise<void> {
    const { store, now } = this.#options;
    const [bytes] = await store.get([entryKey(report.id)]);
    const row = bytes === undefined ? undefined : decodeEntry(bytes);
    if (row === undefined || row.entry.fence !== report.fence || row.leasedUntil === 0) throw lost(report.id);
    checkRecipients(row.entry.recipients, report.recipients);
    const kept: EntryRow | undefined = report.recipients.some(({ status }) => status === Status.STATUS_PENDING)
      ? {
          leasedUntil: 0,
          entry: {
            ...row.entry,
            recipients: report.recipients.map(shortened),
            nextAttemptAt: Math.max(report.nextAttemptAt, now()),
            lastError: report.lastError.slice(0, MAX_TEXT),
            delayNotified: row.entry.delayNotified || report.delayNotified,
          },
        }
      : undefined;
    try {
      await store.commit({
        conditions: [{ key: entryKey(report.id), equals: bytes }],
        mutations: [
          ...(kept === undefined ? removeEntry(row) : replaceEntry(row, kept)),
          ...notices.mutations(`${report.id}/${report.fence}`, report.notices),
        ],
      });
    } catch (error) {
      throw hasCode(error, 'conflict') ? lost(report.id, error) : error;
    }
  }

  /** Pages of entries; of one domain when it is not empty. */
  async *list(domain: string, signal?: AbortSignal): AsyncGenerator<storage.QueueEntry[]> {
    const wanted = domain === '' ? '' : (canonicalDomain(domain) ?? domain.toLowerCase());
    for await (const page of scanPages(this.#options.store, entries(), { signal })) {
      const list = page
        .map(({ value }) => decodeEntry(value).entry)
        .filter((entry) => wanted === '' || entry.domain === wanted);
      if (list.length > 0) yield list;
    }
  }

  async get(id: string): Promise<storage.QueueEntry> {
    return (await this.#read(id)).row.entry;
  }

  /** Makes an entry due now, unless a worker has it. Tells whether it did. Rejects with `not-found`. */
  async retry(id: string): Promise<boolean> {
    return this.#attempt(async () => {
      const { bytes, row } = await this.#read(id);
      const { store, now } = this.#options;
      if (row.leasedUntil > now()) return false;
      await store.commit({
        conditions: [{ key: entryKey(id), equals: bytes }],
        mutations: replaceEntry(row, { leasedUntil: 0, entry: { ...row.entry, nextAttemptAt: now() } }),
      });
      return true;
    });
  }

  /** The workers look for what is due. */
  wake(): void {
    this.#options.publish({ $case: 'queueReady', value: { domain: '' } });
  }

  /**
   * Removes an entry, with a notice to its sender where `notice` makes one. A worker that delivers it just now may still
   * succeed; its report is refused. Rejects with `not-found`.
   */
  async cancel(
    id: string,
    notices: Notices,
    notice: (entry: storage.QueueEntry) => Promise<storage.ReportRequest_Notice | undefined>,
  ): Promise<void> {
    await this.#attempt(async () => {
      const { bytes, row } = await this.#read(id);
      const made = await notice(row.entry);
      await this.#options.store.commit({
        conditions: [{ key: entryKey(id), equals: bytes }],
        // No report has this fence: the entry is gone.
        mutations: [
          ...removeEntry(row),
          ...notices.mutations(`${id}/${row.entry.fence + 1}`, made === undefined ? [] : [made]),
        ],
      });
      return true;
    });
  }

  async count(): Promise<number> {
    let count = 0;
    for await (const page of scanPages(this.#options.store, entries(), { keysOnly: true })) count += page.length;
    return count;
  }

  /** Forgets idempotency keys that nobody repeats any more. Returns how many. */
  purgeMarkers(options: PurgeMarkersOptions): Promise<number> {
    return purgeMarkers(this.#options.store, options);
  }

  async #read(id: string): Promise<{ bytes: Uint8Array; row: EntryRow }> {
    const [bytes] = await this.#options.store.get([entryKey(id)]);
    if (bytes === undefined) throw new StoaError('not-found', `there is no queue entry ${id}`);
    return { bytes, row: decodeEntry(bytes) };
  }

  async #attempt(run: () => Promise<boolean>): Promise<boolean> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await run();
      } catch (error) {
        if (!hasCode(error, 'conflict') || attempt === ATTEMPTS) throw error;
      }
    }
  }
}

function groupByDomain(recipients: readonly storage.DeliveryRecipient[]) {
  const groups: { domain: string; group: storage.DeliveryRecipient[] }[] = [];
  const byDomain = Map.groupBy(recipients, ({ address, finalAddress }) => domainOf(finalAddress || address));
  for (const [domain, all] of byDomain) {
    for (let at = 0; at < all.length; at += MAX_RECIPIENTS) {
      groups.push({ domain, group: all.slice(at, at + MAX_RECIPIENTS) });
    }
  }
  return groups;
}

/** What servers say has no bound, the row has one. */
function shortened(recipient: storage.QueueRecipient): storage.QueueRecipient {
  const { diagnostic, enhancedStatus, remoteMta } = recipient;
  return {
    ...recipient,
    diagnostic: diagnostic.slice(0, MAX_TEXT),
    enhancedStatus: enhancedStatus.slice(0, 20),
    remoteMta: remoteMta.slice(0, 255),
  };
}

function domainOf(address: string): string {
  const domain = address.slice(address.lastIndexOf('@') + 1);
  return canonicalDomain(domain, { lenient: true }) ?? domain.toLowerCase();
}

function pending({
  address,
  finalAddress,
  originalRecipient,
  notify,
}: storage.DeliveryRecipient): storage.QueueRecipient {
  return {
    address: finalAddress || address,
    originalRecipient,
    notify,
    status: Status.STATUS_PENDING,
    diagnostic: '',
    enhancedStatus: '',
    remoteMta: '',
  };
}

function lost(id: string, cause?: unknown): StoaError {
  return new StoaError('conflict', `the queue entry ${id} is no longer this worker's`, { retryable: false, cause });
}

const KNOWN_STATUS: ReadonlySet<storage.QueueRecipient_Status> = new Set([
  Status.STATUS_PENDING,
  Status.STATUS_DELIVERED,
  Status.STATUS_FAILED,
  Status.STATUS_RELAYED,
]);

/** A report tells of the entry's recipients, in their order, and takes back nothing that was final. */
function checkRecipients(before: readonly storage.QueueRecipient[], after: readonly storage.QueueRecipient[]): void {
  const right =
    before.length === after.length &&
    before.every(({ address, status }, i) => {
      const told = after[i] as storage.QueueRecipient;
      return (
        told.address === address &&
        KNOWN_STATUS.has(told.status) &&
        (status === Status.STATUS_PENDING || told.status === status)
      );
    });
  if (!right) throw new StoaError('invalid-argument', "a report names the entry's recipients, in their order");
}
