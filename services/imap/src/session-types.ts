import type { Client, storage } from '@stoa/contracts';
import type { Condition, MailboxSnapshot, NumberSet, SequenceSet } from '@stoa/mail';
import type { Logger } from '@stoa/service-kit';

/** Where responses go. What is written leaves at the end of the command, or when `drain` is awaited. */
export interface ResponseWriter {
  /** Octets are kept until they are sent and must not be changed; `copy` where the caller uses them again. */
  write(octets: Uint8Array | string): void;
  copy(octets: Uint8Array): void;
  /** So much waits that the caller had better await `drain` before it writes on. */
  readonly full: boolean;
  /** Sends what was written, and resolves when the client has taken most of it. Rejects when the connection is gone. */
  drain(): Promise<void>;
}

/** How a command ends: the tagged response, without its tag. */
export interface Completion {
  condition: Extract<Condition, 'OK' | 'NO' | 'BAD'>;
  text: string;
  /** Response code without its brackets. */
  code?: string;
}

/** What a session has agreed with its client. */
export interface SessionOptions {
  /** CONDSTORE is on: MODSEQ goes with every FLAGS. */
  condstore: boolean;
  /** QRESYNC is on: VANISHED in place of EXPUNGE. */
  qresync: boolean;
  /** Mailbox names and quoted strings are UTF-8. */
  utf8: boolean;
  /** IMAP4rev2 is on. */
  rev2: boolean;
}

/** What the commands on messages work with. */
export interface CommandContext {
  readonly mail: Client<typeof storage.MailServiceDefinition>;
  readonly blobs: Client<typeof storage.BlobServiceDefinition>;
  readonly writer: ResponseWriter;
  readonly options: Readonly<SessionOptions>;
  readonly logger: Logger;
  /** Aborts when the connection ends. */
  readonly signal: AbortSignal;
  /** CONDSTORE comes on by the first command that uses it (RFC 7162 section 3.1). */
  enableCondstore(): void;
}

/** The selected mailbox as the session's client knows it. */
export interface SelectedView {
  readonly accountId: string;
  readonly mailboxId: number;
  readonly readOnly: boolean;
  /** Message numbers and UIDs that the client knows; flags as they are now. */
  readonly shown: MailboxSnapshot;
  /** Keywords by number. */
  readonly keywords: readonly string[];
  /** HIGHESTMODSEQ. */
  readonly modseq: number;
  /** The result that SEARCH saved (RFC 5182): UIDs. */
  saved: NumberSet;
  isRecent(uid: number): boolean;
  /** The UIDs that a set means, those the client knows. Rejects with a BadSequence for a number beyond the last message. */
  resolve(set: SequenceSet, uid: boolean): number[];
  /** UIDs that vanished since a MODSEQ, within a set; a superset where the change log does not reach back so far. */
  vanishedSince(modseq: number, within: NumberSet): Promise<NumberSet>;
  /** What a changing call returned. `shown` has the new flags at once; the client is told of all else later. */
  apply(delta: storage.MailboxDelta | undefined): Promise<void>;
  /** MODSEQ to give to changing calls as `knownModseq`. */
  readonly knownModseq: number;
  /** Writes FETCH lines with FLAGS, UID and MODSEQ as agreed, for messages of `shown`. */
  writeFlagLines(uids: NumberSet, withUid: boolean): Promise<void>;
  /** Changes by this session that its client need not be told of (STORE .SILENT), or was told already. */
  toldFlags(uids: NumberSet): void;
}

/** A message number that the client cannot know. */
export class BadSequence extends Error {
  constructor() {
    super('Message number out of range');
    this.name = 'BadSequence';
  }
}
