import {
  appendRows,
  changeFlags,
  chunkOfUid,
  FLAG,
  type FlagChange,
  type FlagWords,
  type IndexRow,
  keywordIndex,
  keywordWords,
  MAX_KEYWORDS,
  type NumberSet,
  NumberSetBuilder,
  removeRows,
} from '@stoa/mail';
import { StoaError } from '@stoa/plugin-sdk';
import { messageLink } from '../keys.ts';
import { decodeMessageRow, encodeMessageRow, type MailboxStatus, type MessageRow } from './rows.ts';
import type { AccountTransaction } from './transaction.ts';

const MAX_UID = 0xffffffff;
const MAX_KEYWORD_LENGTH = 128;
/** Chunks that one change of flags rewrites; each takes at most 8.3 kB, so that they fit into a commit. */
const CHUNKS_PER_COMMIT = 1024;
/** Message rows that one read asks for. */
const ROWS_PER_READ = 1024;

/** A message to put into a mailbox. */
export interface NewMessage extends Omit<MessageRow, 'saveDate'> {
  /** System flags and keywords by the target mailbox's numbers. */
  words: FlagWords;
}

/** Refuses what would bring the account above its quota. */
export function checkQuota(transaction: AccountTransaction, size: number): void {
  const { quotaBytes, usedBytes } = transaction.state;
  if (quotaBytes > 0 && usedBytes + size > quotaBytes)
    throw new StoaError('over-quota', 'the account is over its quota');
}

/** Appends messages, in this order; returns their UIDs, which follow each other from `first`. */
export async function insertMessages(
  transaction: AccountTransaction,
  mailboxId: number,
  messages: readonly NewMessage[],
): Promise<{ first: number; last: number }> {
  const status = await transaction.status(mailboxId);
  const first = status.uidNext;
  const last = first + messages.length - 1;
  if (last >= MAX_UID) throw new StoaError('limit-exceeded', 'the mailbox has no UID left');
  const saveDate = transaction.environment.now();
  const { keys, modseq } = transaction;
  const counts = { messages: status.messages, unseen: status.unseen, deleted: status.deleted, size: status.size };
  let rows: IndexRow[] = [];
  for (let i = 0; i < messages.length; i++) {
    const { words, ...message } = messages[i]!;
    const uid = first + i;
    rows.push({
      uid,
      flags: words.low,
      keywordsHigh: words.high,
      size: message.size,
      seconds: Math.floor(message.internalDate / 1000),
    });
    transaction.put(keys.message(mailboxId, uid), encodeMessageRow({ ...message, saveDate }));
    transaction.put(messageLink(message.blobId, keys, mailboxId, uid), EMPTY);
    counts.messages++;
    counts.size += message.size;
    if ((words.low & FLAG.seen) === 0) counts.unseen++;
    if ((words.low & FLAG.deleted) !== 0) counts.deleted++;
    if (i + 1 === messages.length || chunkOfUid(uid + 1) !== chunkOfUid(uid)) {
      const number = chunkOfUid(uid);
      const before = await transaction.chunk(mailboxId, number);
      transaction.setChunk(mailboxId, number, appendRows(before, rows, modseq));
      rows = [];
    }
  }
  transaction.setStatus(mailboxId, { ...status, ...counts, uidNext: last + 1 });
  const { usedBytes, messages: total } = transaction.state;
  transaction.updateState({ usedBytes: usedBytes + counts.size - status.size, messages: total + messages.length });
  return { first, last };
}

/** The MODSEQ that the operation has or will have, without making it a change. */
function modseqToBe(transaction: AccountTransaction): number {
  return transaction.writes ? transaction.modseq : transaction.state.lastModseq + 1;
}

// Drivers may treat an empty value as none, so that a link's value is one octet.
const EMPTY = Uint8Array.of(1);

/** Reads message rows; those that do not exist are left out. */
export async function* messageRows(
  transaction: AccountTransaction,
  mailboxId: number,
  uids: readonly number[],
): AsyncGenerator<{ uid: number; row: MessageRow }> {
  for (let at = 0; at < uids.length; at += ROWS_PER_READ) {
    const some = uids.slice(at, at + ROWS_PER_READ);
    const rows = await transaction.rows(some.map((uid) => transaction.keys.message(mailboxId, uid)));
    for (let i = 0; i < some.length; i++) {
      const bytes = rows[i];
      if (bytes !== undefined) yield { uid: some[i]!, row: decodeMessageRow(bytes) };
    }
  }
}

/**
 * Removes those messages of the set that exist (with `flag`: and have it). Returns the UIDs as a set. With `maxRows` it
 * stops at about so many rows to delete, and is not `complete` then.
 */
export async function removeMessages(
  transaction: AccountTransaction,
  mailboxId: number,
  uids: NumberSet,
  options: { flag?: number; maxRows?: number } = {},
): Promise<{ uids: number[]; complete: boolean }> {
  const status = await transaction.status(mailboxId);
  const gone: IndexRow[] = [];
  const nextModseq = modseqToBe(transaction);
  const chunks = await transaction.chunksOf(mailboxId, uids, status.uidNext);
  let complete = true;
  let touched = 0;
  for (const chunk of chunks) {
    // A message has two rows, itself and its link.
    if (gone.length * 2 + touched >= (options.maxRows ?? Number.POSITIVE_INFINITY)) {
      complete = false;
      break;
    }
    const removed = removeRows(chunk, uids, nextModseq, options.flag);
    if (removed.rows.length === 0) continue;
    transaction.setChunk(mailboxId, chunk.number, removed.chunk);
    touched++;
    for (const row of removed.rows) gone.push(row);
  }
  if (gone.length === 0) return { uids: [], complete };
  const vanished = new NumberSetBuilder();
  const counts = { messages: status.messages, unseen: status.unseen, deleted: status.deleted, size: status.size };
  for (const row of gone) {
    vanished.add(row.uid);
    counts.messages--;
    counts.size -= row.size;
    if ((row.flags & FLAG.seen) === 0) counts.unseen--;
    if ((row.flags & FLAG.deleted) !== 0) counts.deleted--;
  }
  const { keys } = transaction;
  const numbers = gone.map((row) => row.uid);
  for await (const { uid, row } of messageRows(transaction, mailboxId, numbers)) {
    transaction.delete(keys.message(mailboxId, uid));
    transaction.delete(messageLink(row.blobId, keys, mailboxId, uid));
  }
  transaction.setStatus(mailboxId, { ...status, ...counts });
  const { usedBytes, messages } = transaction.state;
  transaction.updateState({
    usedBytes: usedBytes - (status.size - counts.size),
    messages: messages - gone.length,
  });
  await transaction.recordVanished(mailboxId, vanished.bounds);
  return { uids: vanished.bounds, complete };
}

/**
 * Changes flags of those messages of the set that exist; tells as a set the UIDs that `unchangedSince` held back. A commit
 * has a bound: with `continueAt`, what is left begins at that UID and is for the next one.
 */
export async function changeMessageFlags(
  transaction: AccountTransaction,
  mailboxId: number,
  uids: NumberSet,
  change: { mode: FlagChange['mode']; flags: number; keywords: readonly string[]; unchangedSince?: number | undefined },
): Promise<{ modified: number[]; continueAt: number | undefined }> {
  let status = await transaction.status(mailboxId);
  const { numbers, table } = keywordNumbersFor(status, change.keywords, change.mode !== 'remove');
  const words = keywordWords(numbers);
  words.low = (words.low | change.flags) >>> 0;
  const chunks = await transaction.chunksOf(mailboxId, uids, status.uidNext);
  const modified = new NumberSetBuilder();
  let { unseen, deleted } = status;
  let touched = false;
  const flagChange: FlagChange = { mode: change.mode, words, unchangedSince: change.unchangedSince };
  const modseq = modseqToBe(transaction);
  let continueAt: number | undefined;
  for (const [i, chunk] of chunks.entries()) {
    if (i === CHUNKS_PER_COMMIT) {
      continueAt = chunk.firstUid;
      break;
    }
    const result = changeFlags(chunk, uids, flagChange, modseq);
    for (const uid of result.modified) modified.add(uid);
    if (result.chunk === chunk) continue;
    touched = true;
    transaction.setChunk(mailboxId, chunk.number, result.chunk);
    unseen -= result.seen;
    deleted += result.deleted;
  }
  if (touched) {
    status = { ...status, unseen, deleted, keywords: table };
    transaction.setStatus(mailboxId, status);
  }
  return { modified: modified.bounds, continueAt };
}

/**
 * The numbers of keywords in a mailbox, in the order of the names. With `add`, new ones are put into the table that is
 * returned; else those without a number are left out.
 */
export function keywordNumbersFor(
  status: Pick<MailboxStatus, 'keywords'>,
  names: readonly string[],
  add: boolean,
): { numbers: number[]; table: readonly string[] } {
  if (names.length === 0) return { numbers: [], table: status.keywords };
  const known = keywordIndex(status.keywords, names);
  if (!add) return { numbers: known.filter((number) => number >= 0), table: status.keywords };
  let table = status.keywords;
  const numbers = names.map((name, i) => {
    const number = known[i]! >= 0 ? known[i]! : keywordIndex(table, [name])[0]!;
    if (number >= 0) return number;
    checkKeyword(name);
    if (table.length === MAX_KEYWORDS) {
      throw new StoaError('limit-exceeded', `a mailbox has at most ${MAX_KEYWORDS} keywords`);
    }
    table = [...table, name];
    return table.length - 1;
  });
  return { numbers, table };
}

/** Keywords are atoms (RFC 9051 section 9, flag-keyword). */
function checkKeyword(name: string): void {
  if (name.length > MAX_KEYWORD_LENGTH) throw new StoaError('invalid-argument', 'a keyword is too long');
  if (!/^[^\u0000-\u0020\u007f-\uffff(){%*"\\\]]+$/.test(name)) {
    throw new StoaError('invalid-argument', 'a keyword is not an atom');
  }
}
