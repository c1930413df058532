import { type BlobStore, type DataCondition, type DataMutation, type DataStore, StoaError } from '@stoa/plugin-sdk';
import type { CommitParts } from '../account/account-store.ts';
import type { AccountTransaction } from '../account/transaction.ts';
import { blobMark } from '../keys.ts';
import { blobKey } from './blob-key.ts';
import { decodeBlobMark } from './blob-mark.ts';
import type { Body } from './intake.ts';

/** A stored blob is linked within this time, or stored again. */
export const RESERVATION_MS = 5 * 60_000;

/** A deletion that takes longer was given up: the next run, or a delivery of the same body, takes over. */
export const DELETING_MS = 60_000;

const WAIT_MS = 50;
const MAX_WAITS = 200;
const MAX_RENEWALS = 5;

export interface StoreOptions {
  oneCommit?: boolean;
  signal?: AbortSignal | undefined;
}

export interface BodiesOptions {
  now(): number;
  delay?(ms: number): Promise<void>;
}

/** The blob is being or was deleted, or was stored too long ago: it must be stored again before it can be linked. */
class MustStoreAgain extends Error {}

/** Stores bodies and protects them from the garbage collection until they are linked (see docs/decisions/0003). */
export class Bodies {
  readonly #blobs: BlobStore;
  readonly #data: DataStore;
  readonly #now: () => number;
  readonly #delay: (ms: number) => Promise<void>;

  constructor(blobs: BlobStore, data: DataStore, options: BodiesOptions) {
    this.#blobs = blobs;
    this.#data = data;
    this.#now = options.now;
    this.#delay = options.delay ?? ((ms) => new Promise((resolve) => setTimeout(resolve, ms)));
  }

  /**
   * Makes the body durable; resolves when it is. With `oneCommit` only one commit will link it: where the blob store keeps
   * such bodies in the data store, nothing is written now, and that commit stores the body.
   */
  async store(body: Body, { oneCommit = false, signal }: StoreOptions = {}): Promise<StoredBody> {
    const joined = oneCommit && body.whole !== undefined ? this.#join(body.id, body.whole) : undefined;
    // Before it is stored: from this time on it must not have been deleted.
    const storedAt = this.#now();
    if (joined === undefined) await this.#put(body, signal);
    return new StoredBody(
      body,
      { storedAt, joined },
      {
        now: this.#now,
        mark: async () => (await this.#data.get([blobMark(body.id)]))[0],
        renew: () => this.#renew(body, signal),
      },
    );
  }

  #join(id: Uint8Array, content: Uint8Array): DataMutation[] | undefined {
    return this.#blobs.join?.(blobKey(id), content);
  }

  async #put(body: Body, signal: AbortSignal | undefined): Promise<void> {
    await this.#blobs.put(blobKey(body.id), body.content(), { size: body.size, signal });
  }

  async #renew(body: Body, signal: AbortSignal | undefined): Promise<Renewal> {
    for (let waits = 0; ; waits++) {
      const [mark] = await this.#data.get([blobMark(body.id)]);
      const { state, at } = mark === undefined ? { state: 'none', at: 0 } : decodeBlobMark(mark);
      if (state !== 'deleting' || this.#now() - at > DELETING_MS) {
        const storedAt = this.#now();
        await this.#put(body, signal);
        return { storedAt, markBefore: mark };
      }
      if (waits === MAX_WAITS) throw new StoaError('unavailable', 'the body is being deleted');
      await this.#delay(WAIT_MS);
    }
  }
}

interface Renewal {
  storedAt: number;
  /** The mark that there was before the body was stored. */
  markBefore: Uint8Array | undefined;
}

interface Stored {
  storedAt: number;
  /** What stores the body in the commit that links it; undefined when it is stored. */
  joined: readonly DataMutation[] | undefined;
}

interface StoredBodyEnvironment {
  now(): number;
  mark(): Promise<Uint8Array | undefined>;
  renew(): Promise<Renewal>;
}

/** A body that is in the blob store and may be linked for a while, or that the commit which links it stores. */
export class StoredBody {
  readonly body: Body;
  readonly #environment: StoredBodyEnvironment;
  #storedAt: number;
  #joined: readonly DataMutation[] | undefined;
  #markBefore: Uint8Array | undefined;
  #renewal: Promise<void> | undefined;

  constructor(body: Body, { storedAt, joined }: Stored, environment: StoredBodyEnvironment) {
    this.body = body;
    this.#storedAt = storedAt;
    this.#joined = joined;
    this.#environment = environment;
  }

  /**
   * Makes the transaction's commit fail where the blob might be deleted, and store it where it is not stored yet; for the
   * transaction that links the body.
   */
  async protect(transaction: AccountTransaction): Promise<void> {
    const key = blobMark(this.body.id);
    // Nearly never is there a mark, so that the first attempt takes it for absent; the condition proves it.
    const mark = transaction.attempt === 0 ? undefined : (await transaction.rows([key]))[0];
    const { rescue, condition } = this.#protection(key, mark);
    transaction.require(condition.key, condition.equals);
    if (rescue) transaction.delete(key);
    if (this.#joined !== undefined) transaction.apply(this.#joined);
  }

  /** The same for a commit that is not an account's. */
  async protection(attempt: number): Promise<CommitParts> {
    const key = blobMark(this.body.id);
    const mark = attempt === 0 ? undefined : await this.#environment.mark();
    const { rescue, condition } = this.#protection(key, mark);
    const mutations: DataMutation[] = rescue ? [{ type: 'delete', key }] : [];
    return { conditions: [condition], mutations: [...mutations, ...(this.#joined ?? [])] };
  }

  #protection(key: Uint8Array, mark: Uint8Array | undefined): { condition: DataCondition; rescue: boolean } {
    // What the commit itself stores cannot have been deleted since.
    const reserved = this.#joined !== undefined || this.#environment.now() - this.#storedAt <= RESERVATION_MS;
    if (!reserved) throw new MustStoreAgain();
    if (mark !== undefined && !this.#outlives(mark)) throw new MustStoreAgain();
    return { condition: { key, equals: mark }, rescue: mark !== undefined };
  }

  /** Whether the blob as it was stored is not the one that the mark tells of, or can be taken back. */
  #outlives(mark: Uint8Array): boolean {
    if (decodeBlobMark(mark).state === 'marked') return true;
    return this.#markBefore !== undefined && Buffer.compare(mark, this.#markBefore) === 0;
  }

  /** Runs work that links the body; stores the body again and repeats the work where that is needed. */
  async linking<T>(work: () => Promise<T>): Promise<T> {
    for (let renewals = 0; ; renewals++) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof MustStoreAgain)) throw error;
        if (renewals === MAX_RENEWALS) throw new StoaError('unavailable', 'the body could not be stored');
        await this.#renew();
      }
    }
  }

  /** Once for all recipients that wait for it. */
  #renew(): Promise<void> {
    this.#renewal ??= this.#environment.renew().then(
      ({ storedAt, markBefore }) => {
        this.#storedAt = storedAt;
        this.#markBefore = markBefore;
        this.#joined = undefined;
        this.#renewal = undefined;
      },
      (error: unknown) => {
        this.#renewal = undefined;
        throw error;
      },
    );
    return this.#renewal;
  }
}
