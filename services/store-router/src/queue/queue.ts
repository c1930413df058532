import { randomBytes } from 'node:crypto';
import { context, propagation } from '@opentelemetry/api';
import { type coordinator, storage } from '@stoa/contracts';
import { type DataMutation, type DataStore, hasCode, StoaError } from '@stoa/plugin-sdk';
import { BinaryReader, BinaryWriter } from '../account/binary.ts';
import { queueLink } from '../keys.ts';
import { dueBefore, dueKey, entries, entryKey, parseDueKey, queuedKey, queuedKeys } from '../keys-queue.ts';
import type { QueueConfig } from './config.ts';
import type { EnqueueParts, OutboundMessage, OutboundQueue } from './enqueue.ts';
import { decodeEntry, dueAt, type EntryRow, encodeEntry } from './entry-row.ts';

const { QueueRecipient_Status: Status } = storage;

export interface QueueOptions {
  store: DataStore;
  config: QueueConfig;
  now(): number;
  publish(event: NonNullable<coordinator.Event['kind']>): void;
}

const MARKER_VERSION = 1;
/** For how long a repeated idempotency key is recognised. */
const MARKER_MS = 24 * 3_600_000;
const ATTEMPTS = 20;
const MAX_LEASED = 1_000;

const domainOf = (address: string) => address.slice(address.lastIndexOf('@') + 1).toLowerCase();

/** The durable outbound queue: one entry for a message and a destination domain. */
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
    const byDomain = Map.groupBy(recipients, ({ address, finalAddress }) => domainOf(finalAddress || address));
    const mutations: DataMutation[] = [];
    let number = 0;
    for (const [domain, group] of byDomain) {
      number += 1;
      const entry: storage.QueueEntry = {
        id: `${queueId}-${number}`,
        sender: envelope.sender,
        domain,
        recipients: group.map((recipient) => ({
          address: recipient.finalAddress || recipient.address,
          originalRecipient: recipient.originalRecipient,
          notify: recipient.notify,
          status: Status.STATUS_PENDING,
          diagnostic: '',
          enhancedStatus: '',
          remoteMta: '',
        })),
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
      };
      mutations.push(...put({ entry, leasedUntil: 0 }), {
        type: 'put',
        key: queueLink(blobId, entry.id),
        value: new Uint8Array(),
      });
    }
    const key = envelope.idempotencyKey;
    if (key === '') return { queueId, conditions: [], mutations };
    const marker = new BinaryWriter().number(MARKER_VERSION).number(now).string(queueId).finish();
    mutations.push({ type: 'put', key: queuedKey(key), value: marker });
    return { queueId, conditions: [{ key: queuedKey(key), equals: undefined }], mutations };
  }

  async queued(idempotencyKey: string): Promise<string | undefined> {
    const [row] = await this.#options.store.get([queuedKey(idempotencyKey)]);
    return row === undefined ? undefined : readMarker(row).queueId;
  }

  announce(_parts: EnqueueParts): void {
    this.#options.publish({ $case: 'queueReady', value: { domain: '' } });
  }

  /** Takes entries that are due, each for one worker. */
  async lease(limit: number, leaseMs: number): Promise<{ entries: storage.QueueEntry[]; nextDueAt: number }> {
    const { store, now } = this.#options;
    const wanted = Math.min(limit, MAX_LEASED);
    const taken: storage.QueueEntry[] = [];
    const due: string[] = [];
    if (wanted > 0) {
      for await (const batch of store.scan(dueBefore(now() + 1), { limit: wanted, keysOnly: true })) {
        for (const { key } of batch) due.push(parseDueKey(key).id);
      }
    }
    const rows = await store.get(due.map(entryKey));
    await Promise.all(
      due.map(async (_, i) => {
        const bytes = rows[i];
        if (bytes === undefined) return;
        const row = decodeEntry(bytes);
        // Another worker may have been quicker since the scan.
        if (dueAt(row) > now()) return;
        const entry = { ...row.entry, fence: row.entry.fence + 1, attempts: row.entry.attempts + 1 };
        try {
          await this.#replace(bytes, row, { entry, leasedUntil: now() + leaseMs });
          taken.push(entry);
        } catch (error) {
          if (!hasCode(error, 'conflict')) throw error;
        }
      }),
    );
    return { entries: taken.sort((a, b) => a.nextAttemptAt - b.nextAttemptAt), nextDueAt: await this.#nextDueAt() };
  }

  async #nextDueAt(): Promise<number> {
    for await (const batch of this.#options.store.scan(dueBefore(), { limit: 1, keysOnly: true })) {
      const first = batch[0];
      if (first !== undefined) return parseDueKey(first.key).dueAt;
    }
    return 0;
  }

  /** The entry of a lease that still stands. Rejects with `conflict` when it does not. */
  async leased(id: string, fence: number): Promise<{ bytes: Uint8Array; row: EntryRow }> {
    const [bytes] = await this.#options.store.get([entryKey(id)]);
    const row = bytes === undefined ? undefined : decodeEntry(bytes);
    if (bytes === undefined || row?.entry.fence !== fence) {
      throw new StoaError('conflict', `the queue entry ${id} is no longer this worker's`, { retryable: false });
    }
    return { bytes, row };
  }

  /** Records what became of an entry whose lease stands: it is kept for another attempt, or removed. */
  async settle(leased: { bytes: Uint8Array; row: EntryRow }, report: storage.ReportRequest): Promise<void> {
    const { row, bytes } = leased;
    if (!report.recipients.some(({ status }) => status === Status.STATUS_PENDING)) return this.#remove(bytes, row);
    const entry: storage.QueueEntry = {
      ...row.entry,
      recipients: report.recipients,
      nextAttemptAt: report.nextAttemptAt,
      lastError: report.lastError,
      delayNotified: row.entry.delayNotified || report.delayNotified,
    };
    await this.#replace(bytes, row, { entry, leasedUntil: 0 });
  }

  async *list(domain: string): AsyncGenerator<storage.QueueEntry[]> {
    for await (const batch of this.#options.store.scan(entries())) {
      const page = batch
        .map(({ value }) => decodeEntry(value).entry)
        .filter((entry) => domain === '' || entry.domain === domain.toLowerCase());
      if (page.length > 0) yield page;
    }
  }

  async get(id: string): Promise<storage.QueueEntry> {
    return (await this.#read(id)).row.entry;
  }

  /** Makes an entry due now, unless a worker has it. Tells whether it did. */
  async retry(id: string): Promise<boolean> {
    return this.#change(id, (row) => {
      if (row.leasedUntil > this.#options.now()) return undefined;
      return { leasedUntil: 0, entry: { ...row.entry, nextAttemptAt: this.#options.now() } };
    });
  }

  /** Removes an entry, or lets the sender's worker bounce it. A delivery that is under way may still succeed. */
  async cancel(id: string, bounce: boolean): Promise<boolean> {
    if (!bounce) {
      return this.#attempt(async () => {
        const { bytes, row } = await this.#read(id);
        await this.#remove(bytes, row);
        return true;
      });
    }
    return this.#change(id, (row) => ({
      leasedUntil: 0,
      entry: {
        ...row.entry,
        nextAttemptAt: this.#options.now(),
        fence: row.entry.fence + 1,
        recipients: row.entry.recipients.map((recipient) =>
          recipient.status === Status.STATUS_PENDING
            ? {
                ...recipient,
                status: Status.STATUS_FAILED,
                diagnostic: 'cancelled by the operator',
                enhancedStatus: '5.7.0',
              }
            : recipient,
        ),
      },
    }));
  }

  async allIds(): Promise<string[]> {
    const ids: string[] = [];
    for await (const page of this.list('')) ids.push(...page.map((entry) => entry.id));
    return ids;
  }

  async count(): Promise<number> {
    let count = 0;
    for await (const batch of this.#options.store.scan(entries(), { keysOnly: true })) count += batch.length;
    return count;
  }

  /** Forgets idempotency keys that nobody repeats any more. Returns how many. */
  async purgeMarkers(): Promise<number> {
    const { store, now } = this.#options;
    let removed = 0;
    for await (const batch of store.scan(queuedKeys())) {
      const expired = batch.filter(({ value }) => readMarker(value).at < now() - MARKER_MS);
      if (expired.length === 0) continue;
      await store.commit({ conditions: [], mutations: expired.map(({ key }) => ({ type: 'delete', key }) as const) });
      removed += expired.length;
    }
    return removed;
  }

  async #read(id: string): Promise<{ bytes: Uint8Array; row: EntryRow }> {
    const [bytes] = await this.#options.store.get([entryKey(id)]);
    if (bytes === undefined) throw new StoaError('not-found', `there is no queue entry ${id}`);
    return { bytes, row: decodeEntry(bytes) };
  }

  async #change(id: string, change: (row: EntryRow) => EntryRow | undefined): Promise<boolean> {
    const done = await this.#attempt(async () => {
      const { bytes, row } = await this.#read(id);
      const next = change(row);
      if (next === undefined) return false;
      await this.#replace(bytes, row, next);
      return true;
    });
    if (done) this.#options.publish({ $case: 'queueReady', value: { domain: '' } });
    return done;
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

  async #replace(bytes: Uint8Array, before: EntryRow, after: EntryRow): Promise<void> {
    const { id } = before.entry;
    await this.#options.store.commit({
      conditions: [{ key: entryKey(id), equals: bytes }],
      mutations: [{ type: 'delete', key: dueKey(dueAt(before), id) }, ...put(after)],
    });
  }

  async #remove(bytes: Uint8Array, row: EntryRow): Promise<void> {
    const { id, blobId } = row.entry;
    await this.#options.store.commit({
      conditions: [{ key: entryKey(id), equals: bytes }],
      mutations: [
        { type: 'delete', key: entryKey(id) },
        { type: 'delete', key: dueKey(dueAt(row), id) },
        { type: 'delete', key: queueLink(blobId, id) },
      ],
    });
  }
}

function put(row: EntryRow): DataMutation[] {
  return [
    { type: 'put', key: entryKey(row.entry.id), value: encodeEntry(row) },
    { type: 'put', key: dueKey(dueAt(row), row.entry.id), value: new Uint8Array() },
  ];
}

function readMarker(bytes: Uint8Array): { at: number; queueId: string } {
  const reader = new BinaryReader(bytes, 'queue marker');
  reader.version(MARKER_VERSION);
  const at = reader.number();
  return { at, queueId: reader.string() };
}
