import type { SearchDocument, SearchScope, SearchTerm } from '@stoa/plugin-sdk';

/** What the threads are asked; each request is answered by one reply with its id. */
export type Request =
  | { type: 'index'; scope: SearchScope; documents: readonly SearchDocument[]; indexedToUid: number }
  | {
      type: 'remove';
      scope: { accountId: string; mailboxId?: number | undefined };
      uids: readonly number[] | undefined;
    }
  | { type: 'query'; scope: SearchScope; terms: readonly SearchTerm[] }
  | { type: 'indexedToUid'; scope: SearchScope }
  /** Another thread has put a file of the index aside; close the one that is open. */
  | { type: 'reopen'; file: number }
  | { type: 'check' };

export interface Envelope {
  id: number;
  request: Request;
}

export type Reply =
  | { id: number; value: unknown }
  | { id: number; error: { message: string; sqliteCode: number | undefined } }
  /** A file of the index was damaged, and was put aside for a new one. */
  | { replaced: number; aside: string };

export interface WorkerData {
  folder: string;
  files: number;
}
