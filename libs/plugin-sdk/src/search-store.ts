import type { CallOptions, Driver } from './call.ts';

export interface SearchScope {
  accountId: string;
  mailboxId: number;
}

export type SearchField = 'subject' | 'from' | 'to' | 'cc' | 'bcc' | 'headers' | 'body';

export interface SearchDocument {
  uid: number;
  /** Decoded text; an absent field is empty. */
  fields: Partial<Record<SearchField, string>>;
}

export interface SearchTerm {
  /** The text may stand in any of these. */
  fields: readonly SearchField[];
  /** Substring, matched without regard to case (simple Unicode lower-casing). */
  text: string;
}

export interface SearchMatch {
  /** Ascending. A superset of the indexed messages that match; the caller verifies. */
  uids: Uint32Array;
  /** False: this term cannot be narrowed (too short for the index, say), and `uids` is empty; every message is a candidate. */
  narrowed: boolean;
}

/** A full-text index over messages. It may lag behind, and tells how far it reaches; it must not miss a match below that. */
export interface SearchStore extends Driver {
  /** Adds documents (replacing those of the same UID) and then records that all UIDs up to `indexedToUid` are indexed. */
  index(
    scope: SearchScope,
    documents: readonly SearchDocument[],
    indexedToUid: number,
    options?: CallOptions,
  ): Promise<void>;
  /** Without `uids`: the whole mailbox; without `mailboxId` too: the whole account. */
  remove(
    scope: { accountId: string; mailboxId?: number | undefined },
    uids?: readonly number[],
    options?: CallOptions,
  ): Promise<void>;
  query(scope: SearchScope, terms: readonly SearchTerm[], options?: CallOptions): Promise<SearchMatch[]>;
  /** 0: nothing is. */
  indexedToUid(scope: SearchScope, options?: CallOptions): Promise<number>;
}

export interface SearchCapabilities {
  readonly shared: 'process' | 'host' | 'network';
}
