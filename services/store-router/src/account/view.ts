import type { IndexChunk } from '@stoa/mail';
import type { AccountKeys } from '../keys.ts';
import type { MailboxList } from './mailbox-list.ts';
import type { AccountState, MailboxStatus } from './rows.ts';

/** Chunks that are kept per account; the newest matter, older ones are read again. */
const MAX_CHUNKS = 128;

const STATE_BYTES = 300;
const MAILBOX_BYTES = 400;
const CHUNK_BYTES = 9_000;

/**
 * Rows of an account as they are under one value of its guard row. Only rows that were read together with that value are
 * added, so they are right as long as the guard is. After a commit of this router they move on with it.
 */
export class AccountView {
  readonly keys: AccountKeys;
  /** The bytes of the account row. */
  guard: Uint8Array;
  state: AccountState;
  list: MailboxList;
  readonly #statuses = new Map<number, MailboxStatus>();
  readonly #chunks = new Map<number, Map<number, IndexChunk | null>>();
  #chunkCount = 0;

  constructor(keys: AccountKeys, guard: Uint8Array, state: AccountState, list: MailboxList) {
    this.keys = keys;
    this.guard = guard;
    this.state = state;
    this.list = list;
  }

  status(mailboxId: number): MailboxStatus | undefined {
    return this.#statuses.get(mailboxId);
  }

  setStatus(mailboxId: number, status: MailboxStatus | undefined): void {
    if (status === undefined) {
      this.#statuses.delete(mailboxId);
      this.#chunkCount -= this.#chunks.get(mailboxId)?.size ?? 0;
      this.#chunks.delete(mailboxId);
    } else this.#statuses.set(mailboxId, status);
  }

  /** null: there is no such chunk; undefined: it was not read. */
  chunk(mailboxId: number, number: number): IndexChunk | null | undefined {
    return this.#chunks.get(mailboxId)?.get(number);
  }

  setChunk(mailboxId: number, number: number, chunk: IndexChunk | null): void {
    let chunks = this.#chunks.get(mailboxId);
    if (chunks === undefined) {
      chunks = new Map();
      this.#chunks.set(mailboxId, chunks);
    }
    // Deleted first, so that it becomes the newest of the map.
    if (!chunks.delete(number)) this.#chunkCount++;
    chunks.set(number, chunk);
    if (this.#chunkCount > MAX_CHUNKS) this.#dropOldest();
  }

  #dropOldest(): void {
    for (const [mailboxId, chunks] of this.#chunks) {
      for (const number of chunks.keys()) {
        if (this.#chunkCount <= MAX_CHUNKS / 2) return;
        chunks.delete(number);
        this.#chunkCount--;
      }
      this.#chunks.delete(mailboxId);
    }
  }

  /** What it takes in memory, roughly. */
  get weight(): number {
    return (
      STATE_BYTES + (this.list.mailboxes.size + this.#statuses.size) * MAILBOX_BYTES + this.#chunkCount * CHUNK_BYTES
    );
  }
}
