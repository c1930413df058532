import { IndexChunk, type NumberSet } from '@stoa/mail';
import {
  type BlobStore,
  type DataCondition,
  type DataMutation,
  hasCode,
  type SearchDocument,
  type SearchStore,
} from '@stoa/plugin-sdk';
import type { Logger } from '@stoa/service-kit';
import type { Accounts } from '../account/accounts.ts';
import { BinaryReader, BinaryWriter } from '../account/binary.ts';
import { accountIds } from '../account/purge-accounts.ts';
import { decodeMessageRow, decodeVanished, type MailboxStatus, type MessageRow } from '../account/rows.ts';
import { blobKey } from '../body/blob-key.ts';
import { AccountKeys, isMailboxStateKey, lastNumber } from '../keys.ts';
import { readStatus } from './delta.ts';
import type { IndexPace } from './index-pace.ts';

const VERSION = 1;
const DOCUMENTS_PER_BATCH = 64;
const TEXT_PER_BATCH = 4 * 1024 * 1024;
const ROWS_PER_SCAN = 256;
const UIDS_PER_REMOVAL = 1000;

/** Text of a message by the fields that are searched. */
export type ExtractText = (message: Uint8Array) => SearchDocument['fields'];

export interface IndexContext {
  accounts: Accounts;
  blobs: BlobStore;
  search: SearchStore;
  extractText: ExtractText;
  /** Without one, work goes on without a pause. */
  pace?: IndexPace | undefined;
  logger: Logger;
}

export interface IndexOptions {
  /** Empty: every account. */
  accountIds: readonly string[];
  /** Conditions that hold while the caller's lease does; part of every commit. */
  fence?(): Promise<readonly DataCondition[]>;
  signal?: AbortSignal | undefined;
}

export interface IndexProgress {
  mailboxes: number;
  messages: number;
}

/**
 * Brings the full-text index up to date: mailbox by mailbox, in the order of the UIDs, so that a run that was cut short goes
 * on where it ended. Yields its progress, counted from the beginning.
 */
export async function* indexMailboxes(context: IndexContext, options: IndexOptions): AsyncGenerator<IndexProgress> {
  const progress: IndexProgress = { mailboxes: 0, messages: 0 };
  const ids = options.accountIds.length > 0 ? options.accountIds : accountIds(context.accounts.store);
  for await (const accountId of ids) {
    try {
      for await (const _ of indexAccount(context, options, accountId, progress)) yield { ...progress };
    } catch (error) {
      // Deleted meanwhile; what was indexed of it is removed by the purge.
      if (!hasCode(error, 'not-found')) throw error;
    }
  }
  yield { ...progress };
}

async function* indexAccount(
  context: IndexContext,
  options: IndexOptions,
  accountId: string,
  progress: IndexProgress,
): AsyncGenerator<void> {
  const { accounts } = context;
  const keys = new AccountKeys(accountId);
  const { state, mailboxes } = await accounts.reading(accountId, async (view) => ({
    state: view.state,
    mailboxes: [...view.list.mailboxes.keys()],
  }));
  if ((await followedTo(context, keys, 0)) >= state.lastModseq) return;
  // The last mailbox goes into the commit of the account: nearly always there is one mailbox that changed.
  let position: DataMutation[] = [];
  for (const mailboxId of mailboxes) {
    const status = await accounts.reading(accountId, (view, cache) => readStatus(view, cache, mailboxId));
    const followed = await followedTo(context, keys, mailboxId);
    if (followed >= status.highestModseq) continue;
    if (position.length > 0) await commitPosition(context, options, position);
    await context.pace?.rest();
    yield* removeVanished(context, keys, mailboxId, status, followed);
    yield* addNew(context, options, keys, mailboxId, status, progress);
    position = [followedRow(keys, mailboxId, status.highestModseq)];
    progress.mailboxes++;
    yield;
  }
  await commitPosition(context, options, [...position, followedRow(keys, 0, state.lastModseq)]);
}

/** MODSEQ up to which the index has followed a mailbox (0: the account as a whole). */
async function followedTo({ accounts }: IndexContext, keys: AccountKeys, mailboxId: number): Promise<number> {
  const [row] = await accounts.store.get([keys.indexed(mailboxId)]);
  if (row === undefined) return 0;
  const reader = new BinaryReader(row, 'index position');
  reader.version(VERSION);
  return reader.number();
}

function followedRow(keys: AccountKeys, mailboxId: number, modseq: number): DataMutation {
  const value = new BinaryWriter().number(VERSION).number(modseq).finish();
  return { type: 'put', key: keys.indexed(mailboxId), value };
}

async function commitPosition(
  { accounts }: IndexContext,
  options: IndexOptions,
  mutations: DataMutation[],
): Promise<void> {
  await accounts.store.commit({ conditions: (await options.fence?.()) ?? [], mutations });
}

async function* removeVanished(
  context: IndexContext,
  keys: AccountKeys,
  mailboxId: number,
  status: MailboxStatus,
  followed: number,
): AsyncGenerator<void> {
  if (status.lastVanished <= followed) return;
  const scope = { accountId: keys.accountId, mailboxId };
  const indexedTo = await context.search.indexedToUid(scope);
  if (indexedTo === 0) return;
  const ranges =
    followed >= status.logFloor ? loggedSince(context, keys, mailboxId, followed) : gaps(context, keys, mailboxId);
  let uids: number[] = [];
  for await (const bounds of ranges) {
    for (let i = 0; i < bounds.length; i += 2) {
      for (let uid = bounds[i]!; uid <= Math.min(bounds[i + 1]!, indexedTo); uid++) {
        uids.push(uid);
        if (uids.length < UIDS_PER_REMOVAL) continue;
        await context.search.remove(scope, uids);
        uids = [];
        yield;
      }
    }
  }
  if (uids.length > 0) await context.search.remove(scope, uids);
}

async function* loggedSince(
  { accounts }: IndexContext,
  keys: AccountKeys,
  mailboxId: number,
  since: number,
): AsyncGenerator<NumberSet> {
  for await (const batch of accounts.store.scan(keys.logSince(mailboxId, since))) {
    for (const { value } of batch) yield decodeVanished(value).uids;
  }
}

/** The UIDs that no message has any more, where the change log does not reach back far enough. */
async function* gaps({ accounts }: IndexContext, keys: AccountKeys, mailboxId: number): AsyncGenerator<NumberSet> {
  let next = 1;
  for await (const batch of accounts.store.scan(keys.index(mailboxId))) {
    for (const { key, value } of batch) {
      if (isMailboxStateKey(key)) continue;
      for (const uid of IndexChunk.decode(value).uids) {
        if (uid > next) yield [next, uid - 1];
        next = uid + 1;
      }
    }
  }
  yield [next, 0xffffffff];
}

async function* addNew(
  context: IndexContext,
  options: IndexOptions,
  keys: AccountKeys,
  mailboxId: number,
  status: MailboxStatus,
  progress: IndexProgress,
): AsyncGenerator<void> {
  const scope = { accountId: keys.accountId, mailboxId };
  const call = { signal: options.signal };
  let indexedTo = await context.search.indexedToUid(scope, call);
  let next = indexedTo + 1;
  let documents: SearchDocument[] = [];
  let text = 0;
  while (next < status.uidNext) {
    const rows = [];
    const range = keys.messages(mailboxId, next, status.uidNext - 1);
    for await (const batch of context.accounts.store.scan(range, { limit: ROWS_PER_SCAN })) rows.push(...batch);
    if (rows.length === 0) break;
    for (const { key, value } of rows) {
      options.signal?.throwIfAborted();
      const uid = lastNumber(key);
      const fields = await fieldsOf(context, decodeMessageRow(value), call);
      documents.push({ uid, fields });
      for (const field of Object.values(fields)) text += field.length;
      if (documents.length >= DOCUMENTS_PER_BATCH || text >= TEXT_PER_BATCH) {
        await context.search.index(scope, documents, uid, call);
        indexedTo = uid;
        progress.messages += documents.length;
        documents = [];
        text = 0;
        yield;
        await context.pace?.rest();
      }
    }
    next = lastNumber(rows.at(-1)!.key) + 1;
  }
  if (documents.length > 0 || status.uidNext - 1 > indexedTo) {
    await context.search.index(scope, documents, status.uidNext - 1, call);
    progress.messages += documents.length;
  }
}

async function fieldsOf(
  { blobs, extractText, logger }: IndexContext,
  { blobId, size }: Pick<MessageRow, 'blobId' | 'size'>,
  call: { signal: AbortSignal | undefined },
): Promise<SearchDocument['fields']> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of blobs.get(blobKey(blobId), { ...call, size })) chunks.push(chunk);
  } catch (error) {
    // Purged with its message while this was running, or lost: either way there is nothing to find in it.
    if (!hasCode(error, 'not-found')) throw error;
    logger.warn({ blob: Buffer.from(blobId).toString('hex') }, 'a body to index is missing');
    return {};
  }
  return extractText(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
}
