import { StoaError } from '@stoa/plugin-sdk';

/**
 * Every key of mail data in the data store. Keys are binary; the first octet names the table; integers are big-endian, so
 * that keys sort by number. All data of one account lie below one prefix, so that an account is one range.
 *
 * Tables of the directory, the queue, leases and tasks have their letters here and their keys in keys-directory.ts and
 * keys-queue.ts.
 */
export const TABLE = {
  account: 0x41, // A
  certificate: 0x43, // C
  directory: 0x44, // D
  format: 0x46, // F
  blobMark: 0x47, // G
  lease: 0x4b, // K
  blobLink: 0x4c, // L
  migration: 0x4d, // M
  queue: 0x51, // Q
  task: 0x54, // T
} as const;

/** Tables below the prefix of an account. State, mailboxes and subscriptions are neighbours: one scan reads them all. */
const SECTION = {
  state: 0x00,
  mailbox: 0x01,
  subscription: 0x02,
  /** The state row of a mailbox, followed by its chunks: one scan reads both from one snapshot. */
  index: 0x03,
  message: 0x04,
  log: 0x05,
  idempotency: 0x06,
  tombstone: 0x07,
  indexed: 0x08,
} as const;

const LINK_OF_MESSAGE = 0x01;
const LINK_OF_QUEUE = 0x02;

export const BLOB_ID_BYTES = 32;
const ACCOUNT_BYTES = 8;
const PREFIX_BYTES = 1 + ACCOUNT_BYTES;

export interface Range {
  start: Uint8Array;
  end: Uint8Array;
}

const ACCOUNT_ID = /^[0-9a-f]{16}$/;

export function isAccountId(id: string): boolean {
  return ACCOUNT_ID.test(id);
}

/** The keys of one account; made once and kept, since the prefix is parsed from the account id. */
export class AccountKeys {
  readonly accountId: string;
  readonly prefix: Buffer;
  readonly state: Buffer;

  constructor(accountId: string) {
    if (!isAccountId(accountId)) throw new StoaError('invalid-argument', 'an account id has 16 hexadecimal digits');
    this.accountId = accountId;
    this.prefix = Buffer.alloc(PREFIX_BYTES);
    this.prefix[0] = TABLE.account;
    this.prefix.write(accountId, 1, 'hex');
    this.state = this.#key(SECTION.state, 0);
  }

  #key(section: number, extra: number): Buffer {
    const key = Buffer.allocUnsafe(PREFIX_BYTES + 1 + extra);
    this.prefix.copy(key);
    key[PREFIX_BYTES] = section;
    return key;
  }

  #section(section: number): Range {
    return { start: this.#key(section, 0), end: this.#key(section + 1, 0) };
  }

  #inMailbox(section: number, mailboxId: number, extra = 0): Buffer {
    const key = this.#key(section, 4 + extra);
    key.writeUInt32BE(mailboxId, PREFIX_BYTES + 1);
    return key;
  }

  #mailboxRange(section: number, mailboxId: number): Range {
    return { start: this.#inMailbox(section, mailboxId), end: this.#inMailbox(section, mailboxId + 1) };
  }

  /** Everything of the account. */
  all(): Range {
    return { start: this.prefix, end: successor(this.prefix) };
  }

  /** State row, mailbox rows and subscriptions. */
  head(): Range {
    return { start: this.state, end: this.#key(SECTION.index, 0) };
  }

  mailbox(mailboxId: number): Buffer {
    return this.#inMailbox(SECTION.mailbox, mailboxId);
  }

  mailboxes(): Range {
    return this.#section(SECTION.mailbox);
  }

  subscription(name: string): Buffer {
    const bytes = Buffer.from(name, 'utf8');
    const key = this.#key(SECTION.subscription, bytes.length);
    bytes.copy(key, PREFIX_BYTES + 1);
    return key;
  }

  mailboxState(mailboxId: number): Buffer {
    return this.#inMailbox(SECTION.index, mailboxId);
  }

  chunk(mailboxId: number, number: number): Buffer {
    const key = this.#inMailbox(SECTION.index, mailboxId, 4);
    key.writeUInt32BE(number, PREFIX_BYTES + 5);
    return key;
  }

  /** State row and chunks of a mailbox. */
  index(mailboxId: number): Range {
    return this.#mailboxRange(SECTION.index, mailboxId);
  }

  /** Chunks from `first` to `last`, both inclusive. */
  chunks(mailboxId: number, first: number, last: number): Range {
    return { start: this.chunk(mailboxId, first), end: this.chunk(mailboxId, last + 1) };
  }

  message(mailboxId: number, uid: number): Buffer {
    const key = this.#inMailbox(SECTION.message, mailboxId, 4);
    key.writeUInt32BE(uid, PREFIX_BYTES + 5);
    return key;
  }

  /** Message rows from `first` to `last`, both inclusive. */
  messages(mailboxId: number, first = 0, last = 0xffffffff): Range {
    const end =
      last >= 0xffffffff ? this.#inMailbox(SECTION.message, mailboxId + 1) : this.message(mailboxId, last + 1);
    return { start: this.message(mailboxId, first), end };
  }

  /** Message rows of all mailboxes. */
  allMessages(): Range {
    return this.#section(SECTION.message);
  }

  log(mailboxId: number, modseq: number): Buffer {
    const key = this.#inMailbox(SECTION.log, mailboxId, 8);
    key.writeBigUInt64BE(BigInt(modseq), PREFIX_BYTES + 5);
    return key;
  }

  /** Log rows with a MODSEQ above `since`. */
  logSince(mailboxId: number, since: number): Range {
    return { start: this.log(mailboxId, since + 1), end: this.#inMailbox(SECTION.log, mailboxId + 1) };
  }

  logs(mailboxId?: number): Range {
    return mailboxId === undefined ? this.#section(SECTION.log) : this.#mailboxRange(SECTION.log, mailboxId);
  }

  /** `digest` is a hash of the caller's key, so that keys have one length. */
  idempotency(digest: Uint8Array): Buffer {
    const key = this.#key(SECTION.idempotency, digest.length);
    key.set(digest, PREFIX_BYTES + 1);
    return key;
  }

  idempotencies(): Range {
    return this.#section(SECTION.idempotency);
  }

  /** Says that the data of a deleted mailbox, or (mailbox 0) of the deleted account, are to be removed. */
  tombstone(mailboxId: number): Buffer {
    return this.#inMailbox(SECTION.tombstone, mailboxId);
  }

  tombstones(): Range {
    return this.#section(SECTION.tombstone);
  }

  /** How far the full-text index follows a mailbox; mailbox 0: the account as a whole. */
  indexed(mailboxId: number): Buffer {
    return this.#inMailbox(SECTION.indexed, mailboxId);
  }
}

export type AccountKeyPart =
  | { section: 'state' }
  | { section: 'mailbox'; mailboxId: number }
  | { section: 'subscription'; name: string }
  | { section: 'other' };

/** What a key of `AccountKeys.head()` names. */
export function parseHeadKey(key: Uint8Array): AccountKeyPart {
  const buffer = Buffer.from(key.buffer, key.byteOffset, key.byteLength);
  switch (buffer[PREFIX_BYTES]) {
    case SECTION.state:
      return { section: 'state' };
    case SECTION.mailbox:
      return { section: 'mailbox', mailboxId: buffer.readUInt32BE(PREFIX_BYTES + 1) };
    case SECTION.subscription:
      return { section: 'subscription', name: buffer.toString('utf8', PREFIX_BYTES + 1) };
    default:
      return { section: 'other' };
  }
}

/** Whether a key of `AccountKeys.index()` is the state row (else it is a chunk). */
export function isMailboxStateKey(key: Uint8Array): boolean {
  return key.length === PREFIX_BYTES + 5;
}

/** The 32-bit number at the end of a key: UID of a message row, number of a chunk, mailbox of a tombstone. */
export function lastNumber(key: Uint8Array): number {
  const at = key.length - 4;
  return ((key[at]! << 24) | (key[at + 1]! << 16) | (key[at + 2]! << 8) | key[at + 3]!) >>> 0;
}

/** MODSEQ of a log row's key. */
export function logModseq(key: Uint8Array): number {
  return Number(Buffer.from(key.buffer, key.byteOffset, key.byteLength).readBigUInt64BE(key.length - 8));
}

/** Mailbox of a log row's key. */
export function mailboxOfLog(key: Uint8Array): number {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).readUInt32BE(PREFIX_BYTES + 1);
}

/** The account that a key below `A` belongs to. */
export function accountOfKey(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('hex', 1, PREFIX_BYTES);
}

/** All accounts with an id of at least `from` (16 hexadecimal digits). */
export function accountsFrom(from: string | undefined): Range {
  const start = from === undefined ? Buffer.from([TABLE.account]) : new AccountKeys(from).prefix;
  return { start, end: Buffer.from([TABLE.account + 1]) };
}

/** A message that uses a blob. */
export function messageLink(blobId: Uint8Array, keys: AccountKeys, mailboxId: number, uid: number): Buffer {
  const key = Buffer.allocUnsafe(1 + BLOB_ID_BYTES + 1 + ACCOUNT_BYTES + 8);
  key[0] = TABLE.blobLink;
  key.set(blobId, 1);
  key[1 + BLOB_ID_BYTES] = LINK_OF_MESSAGE;
  keys.prefix.copy(key, 2 + BLOB_ID_BYTES, 1);
  key.writeUInt32BE(mailboxId, 2 + BLOB_ID_BYTES + ACCOUNT_BYTES);
  key.writeUInt32BE(uid, 6 + BLOB_ID_BYTES + ACCOUNT_BYTES);
  return key;
}

/** A queue entry that uses a blob. */
export function queueLink(blobId: Uint8Array, entryId: string): Buffer {
  return Buffer.concat([
    Buffer.from([TABLE.blobLink]),
    blobId,
    Buffer.from([LINK_OF_QUEUE]),
    Buffer.from(entryId, 'utf8'),
  ]);
}

/** All links of the blobs from `first` to `last`, both inclusive. */
export function blobLinks(first: Uint8Array, last: Uint8Array = first): Range {
  const start = Buffer.concat([Buffer.from([TABLE.blobLink]), first]);
  return { start, end: successor(Buffer.concat([Buffer.from([TABLE.blobLink]), last])) };
}

/** The blob that a link key is of. */
export function blobOfLink(key: Uint8Array): Uint8Array {
  return key.subarray(1, 1 + BLOB_ID_BYTES);
}

/** Says which generation of formats the store holds. */
export const storeFormatKey: Uint8Array = Buffer.from([TABLE.format, 0x00]);

/** Mark of the garbage collection on a blob. */
export function blobMark(blobId: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([TABLE.blobMark]), blobId]);
}

/** All marks. */
export function blobMarks(): Range {
  return { start: Buffer.from([TABLE.blobMark]), end: Buffer.from([TABLE.blobMark + 1]) };
}

/** The first key after all keys that begin with `prefix`. */
export function successor(prefix: Uint8Array): Buffer {
  const key = Buffer.from(prefix);
  for (let i = key.length - 1; i >= 0; i--) {
    if (key[i] !== 0xff) {
      key[i] = (key[i] ?? 0) + 1;
      return key.subarray(0, i + 1);
    }
  }
  return Buffer.from([0xff, ...prefix, 0xff]);
}
