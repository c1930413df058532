import { BLOB_ID_BYTES } from '../keys.ts';
import { BinaryReader, BinaryWriter } from './binary.ts';

const VERSION = 1;
export const NONCE_BYTES = 6;
/** Commits whose nonces the account row keeps, so that a commit with an unknown outcome can be told. */
export const KEPT_NONCES = 8;

/** The account row: the guard. Every commit that changes the account's mail has it as its condition and rewrites it. */
export interface AccountState {
  /** MODSEQ of the last change of anything in the account. */
  readonly lastModseq: number;
  readonly nextMailboxId: number;
  readonly lastUidValidity: number;
  readonly usedBytes: number;
  readonly messages: number;
  /** 0: no limit. */
  readonly quotaBytes: number;
  /** MODSEQ of the last change of the list of mailboxes or subscriptions. */
  readonly listModseq: number;
  /** Nonces of the last commits, the newest last, `NONCE_BYTES` each. */
  readonly nonces: Uint8Array;
}

export function encodeAccountState(state: AccountState): Uint8Array {
  return new BinaryWriter()
    .number(VERSION)
    .number(state.lastModseq)
    .number(state.nextMailboxId)
    .number(state.lastUidValidity)
    .number(state.usedBytes)
    .number(state.messages)
    .number(state.quotaBytes)
    .number(state.listModseq)
    .bytes(state.nonces)
    .finish();
}

export function decodeAccountState(bytes: Uint8Array): AccountState {
  const reader = new BinaryReader(bytes, 'account state');
  reader.version(VERSION);
  return {
    lastModseq: reader.number(),
    nextMailboxId: reader.number(),
    lastUidValidity: reader.number(),
    usedBytes: reader.number(),
    messages: reader.number(),
    quotaBytes: reader.number(),
    listModseq: reader.number(),
    nonces: Uint8Array.from(reader.bytes()),
  };
}

/** What of a mailbox changes seldom. */
export interface Mailbox {
  readonly id: number;
  readonly name: string;
  readonly specialUse: readonly string[];
  readonly uidValidity: number;
  readonly objectId: string;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly createdAt: number;
}

export function encodeMailbox(mailbox: Mailbox): Uint8Array {
  return new BinaryWriter()
    .number(VERSION)
    .string(mailbox.name)
    .strings(mailbox.specialUse)
    .number(mailbox.uidValidity)
    .string(mailbox.objectId)
    .number(mailbox.createdAt)
    .finish();
}

export function decodeMailbox(id: number, bytes: Uint8Array): Mailbox {
  const reader = new BinaryReader(bytes, 'mailbox');
  reader.version(VERSION);
  return {
    id,
    name: reader.string(),
    specialUse: reader.strings(),
    uidValidity: reader.number(),
    objectId: reader.string(),
    createdAt: reader.number(),
  };
}

/** What of a mailbox changes with its messages. */
export interface MailboxStatus {
  readonly uidNext: number;
  readonly highestModseq: number;
  readonly messages: number;
  readonly unseen: number;
  readonly deleted: number;
  /** Octets of all messages. */
  readonly size: number;
  /** UIDs from this one on were not shown as \Recent yet. */
  readonly recentFrom: number;
  /** The change log is complete for MODSEQs above this one. */
  readonly logFloor: number;
  /** MODSEQ of the last entry of the change log. */
  readonly lastVanished: number;
  readonly keywords: readonly string[];
  /**
   * The chunks that changed last: number, MODSEQ, number, MODSEQ, …, the oldest first, each number once. All chunks that
   * changed after `recentFloor` are here.
   */
  readonly recentChunks: readonly number[];
  readonly recentFloor: number;
}

export function encodeMailboxStatus(status: MailboxStatus): Uint8Array {
  const writer = new BinaryWriter()
    .number(VERSION)
    .number(status.uidNext)
    .number(status.highestModseq)
    .number(status.messages)
    .number(status.unseen)
    .number(status.deleted)
    .number(status.size)
    .number(status.recentFrom)
    .number(status.logFloor)
    .number(status.lastVanished)
    .strings(status.keywords)
    .number(status.recentFloor)
    .number(status.recentChunks.length / 2);
  let previous = status.recentFloor;
  for (let i = 0; i < status.recentChunks.length; i += 2) {
    writer.number(status.recentChunks[i]!).number(status.recentChunks[i + 1]! - previous);
    previous = status.recentChunks[i + 1]!;
  }
  return writer.finish();
}

export function decodeMailboxStatus(bytes: Uint8Array): MailboxStatus {
  const reader = new BinaryReader(bytes, 'mailbox status');
  reader.version(VERSION);
  const head = {
    uidNext: reader.number(),
    highestModseq: reader.number(),
    messages: reader.number(),
    unseen: reader.number(),
    deleted: reader.number(),
    size: reader.number(),
    recentFrom: reader.number(),
    logFloor: reader.number(),
    lastVanished: reader.number(),
    keywords: reader.strings(),
    recentFloor: reader.number(),
  };
  const recentChunks: number[] = [];
  let previous = head.recentFloor;
  for (let count = reader.number(); count > 0; count--) {
    recentChunks.push(reader.number());
    previous += reader.number();
    recentChunks.push(previous);
  }
  return { ...head, recentChunks };
}

/** What of a message is asked for seldom. */
export interface MessageRow {
  readonly blobId: Uint8Array;
  readonly size: number;
  /** Milliseconds since 1970-01-01 UTC, as the next. */
  readonly internalDate: number;
  readonly saveDate: number;
  /** Envelope and MIME structure, encoded by @stoa/mail. */
  readonly structure: Uint8Array;
}

export function encodeMessageRow(row: MessageRow): Uint8Array {
  return new BinaryWriter()
    .number(VERSION)
    .raw(row.blobId)
    .number(row.size)
    .number(row.internalDate)
    .number(row.saveDate)
    .raw(row.structure)
    .finish();
}

export function decodeMessageRow(bytes: Uint8Array): MessageRow {
  const reader = new BinaryReader(bytes, 'message');
  reader.version(VERSION);
  return {
    blobId: reader.raw(BLOB_ID_BYTES),
    size: reader.number(),
    internalDate: reader.number(),
    saveDate: reader.number(),
    structure: reader.rest(),
  };
}

/** UIDs that one change removed from a mailbox. */
export interface VanishedEntry {
  /** Milliseconds since 1970-01-01 UTC. */
  readonly at: number;
  /** As ranges: first, last, first, last, … */
  readonly uids: readonly number[];
}

export function encodeVanished(entry: VanishedEntry): Uint8Array {
  const writer = new BinaryWriter().number(VERSION).number(entry.at).number(entry.uids.length);
  let previous = 0;
  for (const bound of entry.uids) {
    writer.number(bound - previous);
    previous = bound;
  }
  return writer.finish();
}

export function decodeVanished(bytes: Uint8Array): VanishedEntry {
  const reader = new BinaryReader(bytes, 'change log entry');
  reader.version(VERSION);
  const at = reader.number();
  const uids: number[] = [];
  let previous = 0;
  for (let count = reader.number(); count > 0; count--) {
    previous += reader.number();
    uids.push(previous);
  }
  return { at, uids };
}

/** What an idempotency key led to. */
export interface IdempotencyMarker {
  /** Milliseconds since 1970-01-01 UTC. */
  readonly at: number;
  readonly mailboxId: number;
  readonly uidValidity: number;
  readonly uid: number;
  readonly modseq: number;
}

export function encodeMarker(marker: IdempotencyMarker): Uint8Array {
  return new BinaryWriter()
    .number(VERSION)
    .number(marker.at)
    .number(marker.mailboxId)
    .number(marker.uidValidity)
    .number(marker.uid)
    .number(marker.modseq)
    .finish();
}

export function decodeMarker(bytes: Uint8Array): IdempotencyMarker {
  const reader = new BinaryReader(bytes, 'idempotency marker');
  reader.version(VERSION);
  return {
    at: reader.number(),
    mailboxId: reader.number(),
    uidValidity: reader.number(),
    uid: reader.number(),
    modseq: reader.number(),
  };
}
