import type { storage } from '@stoa/contracts';
import { IndexChunk, type NumberSet, unionOfSets } from '@stoa/mail';
import type { AccountCache } from '../account/cache.ts';
import { decodeMailboxStatus, decodeVanished, type MailboxStatus } from '../account/rows.ts';
import type { AccountView } from '../account/view.ts';
import { isMailboxStateKey, logModseq } from '../keys.ts';
import { type MailContext, mailboxById, mailboxState } from './context.ts';

/** Chunk octets that one message of a stream carries; grpc-js refuses messages beyond 4 MiB. */
const BATCH_BYTES = 256 * 1024;
/** Octets of chunks, and bounds of vanished UIDs, that a delta in a unary reply may carry. */
const UNARY_BYTES = 2 * 1024 * 1024;
const UNARY_BOUNDS = 100_000;
const BOUNDS_PER_MESSAGE = 20_000;

export type Delta = Pick<storage.MailboxDelta, 'chunks' | 'reopen' | 'partial'> & {
  state?: storage.MailboxState;
  vanished?: storage.UidSet;
};

/** The status of a mailbox, read under the view's guard. */
export async function readStatus(view: AccountView, cache: AccountCache, mailboxId: number): Promise<MailboxStatus> {
  const known = view.status(mailboxId);
  if (known !== undefined) return known;
  mailboxById(view, mailboxId);
  const [bytes] = await cache.read(view, [view.keys.mailboxState(mailboxId)]);
  const status = decodeMailboxStatus(bytes!);
  view.setStatus(mailboxId, status);
  cache.touch(view);
  return status;
}

/**
 * The chunks that changed after `since`, from the list that the status keeps; undefined when that list does not reach back
 * so far.
 */
async function recentChunks(
  view: AccountView,
  cache: AccountCache,
  mailboxId: number,
  status: MailboxStatus,
  since: number,
): Promise<Uint8Array[] | undefined> {
  if (since < status.recentFloor) return undefined;
  const numbers: number[] = [];
  for (let i = 0; i < status.recentChunks.length; i += 2) {
    if (status.recentChunks[i + 1]! > since) numbers.push(status.recentChunks[i]!);
  }
  numbers.sort((a, b) => a - b);
  const missing = numbers.filter((number) => view.chunk(mailboxId, number) === undefined);
  const chunks = new Map<number, IndexChunk | null>();
  for (const number of numbers) {
    const chunk = view.chunk(mailboxId, number);
    if (chunk !== undefined) chunks.set(number, chunk);
  }
  if (missing.length > 0) {
    const rows = await cache.read(
      view,
      missing.map((number) => view.keys.chunk(mailboxId, number)),
    );
    for (let i = 0; i < missing.length; i++) {
      const row = rows[i];
      const chunk = row === undefined ? null : IndexChunk.decode(row);
      chunks.set(missing[i]!, chunk);
      view.setChunk(mailboxId, missing[i]!, chunk);
    }
    cache.touch(view);
  }
  return numbers.flatMap((number) => chunks.get(number)?.packed ?? []);
}

/** UIDs that vanished after `since` and not after `until`. */
async function vanishedSince(
  view: AccountView,
  cache: AccountCache,
  mailboxId: number,
  since: number,
  until: number,
): Promise<number[]> {
  let vanished: number[] = [];
  for await (const batch of cache.store.scan(view.keys.logSince(mailboxId, since))) {
    const ranges: NumberSet[] = [];
    for (const { key, value } of batch) {
      if (logModseq(key) <= until) ranges.push(decodeVanished(value).uids);
    }
    vanished = unionOfSets(vanished, unionOfMany(ranges));
  }
  return vanished;
}

/** Pairwise, so that many small sets cost n log n. */
function unionOfMany(sets: readonly NumberSet[]): NumberSet {
  if (sets.length <= 1) return sets[0] ?? [];
  const half = sets.length >>> 1;
  return unionOfSets(unionOfMany(sets.slice(0, half)), unionOfMany(sets.slice(half)));
}

/**
 * The delta for the reply to a change. It never fails a change that is durable already: where it cannot be told, the reply
 * is `partial` and the caller syncs.
 */
export async function deltaAfterChange(
  context: MailContext,
  accountId: string,
  mailboxId: number,
  since: number,
): Promise<Delta> {
  try {
    return await context.accounts.readingKnown(accountId, async (view, cache) => {
      const mailbox = mailboxById(view, mailboxId);
      const status = await readStatus(view, cache, mailboxId);
      const state = mailboxState(context, accountId, mailbox, status);
      const none = { state, chunks: [], reopen: false, partial: false };
      if (since >= status.highestModseq) return none;
      if (since < status.logFloor) return { ...none, reopen: true };
      if (since === 0) return { ...none, partial: true };
      const chunks = await recentChunks(view, cache, mailboxId, status, since);
      let bytes = 0;
      for (const chunk of chunks ?? []) bytes += chunk.length;
      if (chunks === undefined || bytes > UNARY_BYTES) return { ...none, partial: true };
      let vanished: number[] = [];
      if (status.lastVanished > since) {
        vanished = await vanishedSince(view, cache, mailboxId, since, status.highestModseq);
        if (vanished.length > UNARY_BOUNDS) return { ...none, partial: true };
      }
      return { ...none, chunks, vanished: { bounds: vanished } };
    });
  } catch {
    return { chunks: [], reopen: false, partial: true };
  }
}

/** Everything that changed since a MODSEQ, however much it is. */
export async function* deltaStream(
  context: MailContext,
  accountId: string,
  mailboxId: number,
  since: number,
): AsyncGenerator<Delta> {
  const first = await context.accounts.reading(accountId, async (view, cache) => {
    const mailbox = mailboxById(view, mailboxId);
    const status = await readStatus(view, cache, mailboxId);
    const chunks = since < status.logFloor ? [] : await recentChunks(view, cache, mailboxId, status, since);
    return { view, cache, mailbox, status, chunks };
  });
  const { view, cache, mailbox, status } = first;
  const delta = { chunks: [], reopen: false, partial: false };
  const state = mailboxState(context, accountId, mailbox, status);
  if (since < status.logFloor) {
    yield { ...delta, state, reopen: true };
    return;
  }
  let until = status.highestModseq;
  if (first.chunks !== undefined) {
    let told = state as storage.MailboxState | undefined;
    for (const chunks of batches(first.chunks)) {
      yield told === undefined ? { ...delta, chunks } : { ...delta, state: told, chunks };
      told = undefined;
    }
    if (told !== undefined) yield { ...delta, state: told };
  } else {
    // Too much changed for the list: all chunks are looked at, in one scan that begins with the status of the same moment.
    let batch: Uint8Array[] = [];
    let bytes = 0;
    for await (const entries of cache.store.scan(view.keys.index(mailboxId))) {
      for (const { key, value } of entries) {
        if (isMailboxStateKey(key)) {
          const now = decodeMailboxStatus(value);
          until = now.highestModseq;
          yield { ...delta, state: mailboxState(context, accountId, mailbox, now) };
        } else if (IndexChunk.decode(value).maxModseq > since) {
          batch.push(value);
          bytes += value.length;
        }
        if (bytes >= BATCH_BYTES) {
          yield { ...delta, chunks: batch };
          batch = [];
          bytes = 0;
        }
      }
    }
    if (batch.length > 0) yield { ...delta, chunks: batch };
  }
  if (status.lastVanished <= since && first.chunks !== undefined) return;
  // Read after the chunks, so that no UID is missing that was gone when they were read.
  const vanished = await vanishedSince(view, cache, mailboxId, since, until);
  const floor = await context.accounts.reading(accountId, (now, rows) => readStatus(now, rows, mailboxId));
  if (since < floor.logFloor) {
    yield { ...delta, reopen: true };
    return;
  }
  for (let at = 0; at < vanished.length; at += BOUNDS_PER_MESSAGE) {
    yield { ...delta, vanished: { bounds: vanished.slice(at, at + BOUNDS_PER_MESSAGE) } };
  }
}

/** Packed chunks in groups of a bounded size. */
export function* batches(chunks: readonly Uint8Array[]): Generator<Uint8Array[]> {
  let batch: Uint8Array[] = [];
  let bytes = 0;
  for (const chunk of chunks) {
    batch.push(chunk);
    bytes += chunk.length;
    if (bytes >= BATCH_BYTES) {
      yield batch;
      batch = [];
      bytes = 0;
    }
  }
  if (batch.length > 0) yield batch;
}

export { BATCH_BYTES };
