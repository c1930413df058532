import type { storage } from '@stoa/contracts';
import { type DataEntry, type DataStore, hasCode } from '@stoa/plugin-sdk';
import { dueBefore, entryKey, parseDueKey } from '../keys-queue.ts';
import { decodeEntry, dueAt, type EntryRow, replaceEntry } from './entry-row.ts';

export interface LeaseWish {
  limit: number;
  leaseMs: number;
  /** 0: no limit. */
  limitPerDomain: number;
  busyDomains: readonly string[];
}

/** Due entries that one call looks at, so that many of one busy domain do not make it slow. */
const MAX_EXAMINED = 20_000;
/** Octets of rows that one call gives out, so that they fit into a message of the contract; one entry is always given. */
const MAX_BYTES = 2 * 1024 * 1024;
const COMMIT_ENTRIES = 500;
const ROUNDS = 5;

interface Found {
  bytes: Uint8Array;
  row: EntryRow;
}

/**
 * Takes entries that are due, many in one commit, whose conditions see to it that no other worker gets the same. What another
 * was quicker to take is left out, and looked for again elsewhere.
 */
export async function leaseEntries(
  store: DataStore,
  now: () => number,
  wish: LeaseWish,
): Promise<storage.QueueEntry[]> {
  const taken: storage.QueueEntry[] = [];
  let octets = 0;
  for (let round = 0; round < ROUNDS && taken.length < wish.limit; round++) {
    const ids = await findDue(store, now(), { ...wish, limit: wish.limit - taken.length }, taken);
    if (ids.length === 0) break;
    const found = (await store.get(ids.map(entryKey))).filter((bytes) => bytes !== undefined);
    const rows = found.filter((bytes) => {
      octets += bytes.length;
      return octets <= MAX_BYTES || octets === bytes.length;
    });
    let contended = false;
    for (const batch of batches(rows)) {
      const got = await leaseBatch(store, now, wish.leaseMs, batch);
      taken.push(...got);
      contended ||= got.length < batch.length;
    }
    if (!contended || octets > MAX_BYTES) break;
  }
  return taken.sort((a, b) => a.nextAttemptAt - b.nextAttemptAt);
}

/** Ids of entries that are due, the longest due first, as many of each domain as are wanted. */
async function findDue(
  store: DataStore,
  time: number,
  { limit, limitPerDomain, busyDomains }: LeaseWish,
  taken: readonly storage.QueueEntry[],
): Promise<string[]> {
  const most = limitPerDomain === 0 ? Number.POSITIVE_INFINITY : limitPerDomain;
  const counts = new Map<string, number>(busyDomains.map((domain) => [domain, Number.POSITIVE_INFINITY]));
  for (const { domain } of taken) counts.set(domain, (counts.get(domain) ?? 0) + 1);
  const ids: string[] = [];
  let examined = 0;
  const scan: AsyncIterable<DataEntry[]> = store.scan(dueBefore(time + 1), { limit: MAX_EXAMINED });
  for await (const batch of scan) {
    for (const { key, value } of batch) {
      const domain = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8');
      const count = counts.get(domain) ?? 0;
      if (count >= most) continue;
      counts.set(domain, count + 1);
      if (ids.push(parseDueKey(key).id) === limit) return ids;
    }
    examined += batch.length;
    if (examined >= MAX_EXAMINED) break;
  }
  return ids;
}

function* batches(rows: readonly Uint8Array[]): Generator<Found[]> {
  for (let at = 0; at < rows.length; at += COMMIT_ENTRIES) {
    yield rows.slice(at, at + COMMIT_ENTRIES).map((bytes) => ({ bytes, row: decodeEntry(bytes) }));
  }
}

async function leaseBatch(
  store: DataStore,
  now: () => number,
  leaseMs: number,
  batch: readonly Found[],
): Promise<storage.QueueEntry[]> {
  let free = batch;
  for (let round = 0; round < ROUNDS; round++) {
    const time = now();
    // Another worker may have been quicker since the scan.
    const due = free.filter(({ row }) => dueAt(row) <= time);
    if (due.length === 0) return [];
    const leased = due.map(({ row: { entry } }) => ({
      entry: { ...entry, fence: entry.fence + 1, attempts: entry.attempts + 1 },
      leasedUntil: time + leaseMs,
    }));
    try {
      await store.commit({
        conditions: due.map(({ bytes, row }) => ({ key: entryKey(row.entry.id), equals: bytes })),
        mutations: due.flatMap(({ row }, i) => replaceEntry(row, leased[i] as EntryRow)),
      });
      return leased.map(({ entry }) => entry);
    } catch (error) {
      if (!hasCode(error, 'conflict')) throw error;
    }
    const rows = await store.get(due.map(({ row }) => entryKey(row.entry.id)));
    free = rows.flatMap((bytes) => (bytes === undefined ? [] : [{ bytes, row: decodeEntry(bytes) }]));
  }
  return [];
}
