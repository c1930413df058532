import {
  type CallOptions,
  type DriverLogger,
  type SearchDocument,
  type SearchMatch,
  type SearchScope,
  type SearchStore,
  type SearchTerm,
  StoaError,
} from '@stoa/plugin-sdk';
import type { Request, WorkerData } from './protocol.ts';
import { Thread } from './thread.ts';

/** Queries are short; a batch of documents is not, and is not begun when nobody waits for it any more. */
const QUERIES_AHEAD = 16;

/** Two threads: one that writes, and one that reads beside it, so that a query never waits for the indexing of others. */
export class EmbeddedSearch implements SearchStore {
  readonly #writer: Thread;
  readonly #reader: Thread;
  #closing: Promise<void> | undefined;

  constructor(data: WorkerData, logger: DriverLogger) {
    this.#writer = new Thread(data, logger, 1, (file) => this.#reopen(this.#reader, file));
    this.#reader = new Thread(data, logger, QUERIES_AHEAD, (file) => this.#reopen(this.#writer, file));
  }

  async index(
    scope: SearchScope,
    documents: readonly SearchDocument[],
    indexedToUid: number,
    options: CallOptions = {},
  ): Promise<void> {
    await this.#call(this.#writer, { type: 'index', scope, documents, indexedToUid }, options);
  }

  async remove(
    scope: { accountId: string; mailboxId?: number | undefined },
    uids?: readonly number[],
    options: CallOptions = {},
  ): Promise<void> {
    await this.#call(this.#writer, { type: 'remove', scope, uids }, options);
  }

  async query(scope: SearchScope, terms: readonly SearchTerm[], options: CallOptions = {}): Promise<SearchMatch[]> {
    return (await this.#call(this.#reader, { type: 'query', scope, terms }, options)) as SearchMatch[];
  }

  async indexedToUid(scope: SearchScope, options: CallOptions = {}): Promise<number> {
    return (await this.#call(this.#reader, { type: 'indexedToUid', scope }, options)) as number;
  }

  async check(): Promise<void> {
    await Promise.all([this.#writer, this.#reader].map((thread) => this.#call(thread, { type: 'check' }, {})));
  }

  close(): Promise<void> {
    this.#closing ??= Promise.all([this.#writer.close(), this.#reader.close()]).then(() => {});
    return this.#closing;
  }

  /** What the other thread still writes to or reads from the old file is lost, which the mark in the new file shows. */
  #reopen(thread: Thread, file: number): void {
    this.#call(thread, { type: 'reopen', file }, {}).catch(() => {});
  }

  async #call(thread: Thread, request: Request, options: CallOptions): Promise<unknown> {
    if (this.#closing !== undefined) {
      throw new StoaError('unavailable', 'the search index is closed', { retryable: false });
    }
    return thread.call(request, options);
  }
}
