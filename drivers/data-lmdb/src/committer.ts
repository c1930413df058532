import { type DataCommit, type DataMutation, StoaError, throwIfCancelled } from '@stoa/plugin-sdk';
import type { Database } from './database.ts';
import { fromLmdb } from './errors.ts';

interface Waiting {
  commit: DataCommit;
  signal: AbortSignal | undefined;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** Commits taken into one transaction at most; bounds how long the event loop is held. */
const MAX_BATCH = 512;
const MAX_BATCH_MUTATIONS = 4096;

/**
 * Group commit: while one transaction is being synced to disk, further commits gather and go together into the next.
 * Each commit's conditions are checked inside the transaction, after the mutations of those before it.
 */
export class Committer {
  readonly #db: Database;
  readonly #path: string;
  readonly #queue: Waiting[] = [];
  #running: Promise<void> | undefined;

  constructor(db: Database, path: string) {
    this.#db = db;
    this.#path = path;
  }

  commit(commit: DataCommit, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ commit, signal, resolve, reject });
      // Starts a turn later, so that commits made in the same turn go together.
      this.#running ??= Promise.resolve().then(() => this.#run());
    });
  }

  /** Resolves when no commit is under way. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0) await this.#write(this.#takeBatch());
    this.#running = undefined;
  }

  #takeBatch(): Waiting[] {
    let count = 0;
    for (let mutations = 0; count < this.#queue.length && count < MAX_BATCH; count += 1) {
      mutations += this.#queue[count]!.commit.mutations.length;
      if (count > 0 && mutations > MAX_BATCH_MUTATIONS) break;
    }
    return this.#queue.splice(0, count);
  }

  async #write(batch: Waiting[]): Promise<void> {
    const refused = new Map<Waiting, unknown>();
    try {
      // A child transaction: an error inside takes back all of the batch, never a part of it.
      await this.#db.childTransaction(() => {
        refused.clear();
        for (const waiting of batch) {
          const reason = this.#refusal(waiting);
          if (reason !== undefined) refused.set(waiting, reason);
          else for (const mutation of waiting.commit.mutations) this.#apply(mutation);
        }
      });
    } catch (error) {
      // Always asked for: lmdb-js carries the cause as a rejected promise, which must not stay unhandled.
      const failure = await fromLmdb(error, this.#path);
      if (batch.length > 1) {
        // One may have spoilt it for all (too large for what is left of the disk, say).
        for (const waiting of batch) await this.#write([waiting]);
        return;
      }
      batch[0]!.reject(failure);
      return;
    }
    for (const waiting of batch) {
      if (refused.has(waiting)) waiting.reject(refused.get(waiting));
      else waiting.resolve();
    }
  }

  #refusal({ commit, signal }: Waiting): unknown {
    try {
      throwIfCancelled(signal);
    } catch (error) {
      return error;
    }
    for (const { key, equals } of commit.conditions) {
      if (!sameValue(this.#db.getBinary(key), equals)) {
        return new StoaError('conflict', 'a condition of the commit does not hold');
      }
    }
    return undefined;
  }

  #apply(mutation: DataMutation): void {
    switch (mutation.type) {
      case 'put':
        this.#db.putSync(mutation.key, mutation.value);
        break;
      case 'delete':
        this.#db.removeSync(mutation.key);
        break;
      case 'delete-range': {
        const { start, end } = mutation.range;
        if (Buffer.compare(start, end) >= 0) break;
        // The keys first: a cursor must not be open over what is being deleted.
        for (const key of [...this.#db.getKeys({ start, end })]) this.#db.removeSync(key);
        break;
      }
    }
  }
}

function sameValue(actual: Uint8Array | undefined, expected: Uint8Array | undefined): boolean {
  if (actual === undefined || expected === undefined) return actual === expected;
  return Buffer.compare(actual, expected) === 0;
}
