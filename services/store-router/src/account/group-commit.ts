import { randomFillSync } from 'node:crypto';
import { type Context, context } from '@opentelemetry/api';
import { hasCode, MAX_COMMIT_BYTES, MAX_COMMIT_MUTATIONS, StoaError, toStoaError } from '@stoa/plugin-sdk';
import { type AccountCache, StaleView, sameBytes } from './cache.ts';
import { type AccountState, encodeAccountState, KEPT_NONCES, NONCE_BYTES } from './rows.ts';
import {
  AccountTransaction,
  Changes,
  mutationsOf,
  RequirementFailed,
  type TransactionEnvironment,
} from './transaction.ts';
import type { AccountView } from './view.ts';

const MAX_BATCH = 128;
const MAX_ATTEMPTS = 30;
/** The round from which on operations that could not be committed together are committed one by one. */
const SPLIT_AT = 6;
const MAX_DELAY_MS = 50;
/** How often the account row is asked for after a commit whose outcome is not known, while the store does not answer. */
const OUTCOME_READS = 6;

export interface CommitEnvironment extends TransactionEnvironment {
  delay(ms: number): Promise<void>;
  /** 0 (inclusive) to 1 (exclusive). */
  random(): number;
}

interface Operation {
  readonly run: (transaction: AccountTransaction) => Promise<unknown>;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
  /** Trace context of the caller. */
  readonly trace: Context;
  attempt: number;
  settled: boolean;
}

type Outcome = { operation: Operation; value: unknown } | { operation: Operation; error: unknown };

/** A commit that was tried and may have been applied. */
interface Attempt {
  view: AccountView;
  nonce: Uint8Array;
  guard: Uint8Array;
  changes: Changes;
  outcomes: Outcome[];
}

/**
 * Commits the operations of one account, one commit at a time. Operations that arrive while a commit is under way gather
 * and go into the next one together. Each has its own MODSEQ; one that fails leaves no trace and fails alone.
 */
export class GroupCommit {
  readonly #accountId: string;
  readonly #cache: AccountCache;
  readonly #environment: CommitEnvironment;
  readonly #idle: () => void;
  #queue: Operation[] = [];
  #running = false;

  /** `idle` is called when nothing is left to do. */
  constructor(accountId: string, cache: AccountCache, environment: CommitEnvironment, idle: () => void) {
    this.#accountId = accountId;
    this.#cache = cache;
    this.#environment = environment;
    this.#idle = idle;
  }

  /** Resolves with what `run` returned once its changes are durable. Aborting helps only until its commit begins. */
  submit<T>(run: (transaction: AccountTransaction) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({ run, signal, resolve, reject, trace: context.active(), attempt: 0, settled: false });
      if (!this.#running) {
        this.#running = true;
        void this.#work();
      }
    });
  }

  async #work(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, MAX_BATCH).filter((operation) => {
        if (operation.settled) return false;
        if (operation.signal?.aborted !== true) return true;
        operation.settled = true;
        operation.reject(new StoaError('cancelled', 'the call was cancelled', { cause: operation.signal.reason }));
        return false;
      });
      // The commit of several callers shows in the trace of the first, not of whoever came when nothing was under way.
      if (batch.length > 0) await context.with(batch[0]!.trace, () => this.#commit(batch));
    }
    this.#running = false;
    this.#idle();
  }

  /**
   * Never rejects: every operation of the batch is settled or back in the queue afterwards. `tried` are attempts with
   * operations of the batch that may have been applied.
   */
  async #commit(batch: Operation[], tried: Attempt[] = []): Promise<void> {
    let lastFailure: StoaError | undefined;
    for (let round = 1; batch.length > 0; round++) {
      try {
        // The first round may trust what is cached: the commit's condition proves it right, or the second round reads.
        const view = await (round === 1 ? this.#cache.likely(this.#accountId) : this.#cache.current(this.#accountId));
        const applied = tried.find((attempt) => hasNonce(view.state, attempt.nonce));
        if (applied !== undefined) return settle(applied.outcomes);
        // A condition of one operation that never holds must not be the end of the others.
        if (round === SPLIT_AT && batch.length > 1) return await this.#oneByOne(batch, tried);
        if (round > MAX_ATTEMPTS) throw lastFailure ?? new StoaError('conflict', 'the account is changed too often');
        const prepared = await this.#prepare(view, batch);
        batch = prepared.outcomes.map((outcome) => outcome.operation);
        if (!prepared.writes) {
          // Nothing proves the view right, so it is compared with the store before anything is answered.
          if (round === 1 && (await this.#cache.current(this.#accountId)) !== view) continue;
          return settle(prepared.outcomes);
        }
        const attempt = this.#attempt(view, prepared);
        const failure = await this.#apply(attempt);
        if (failure === undefined) return settle(attempt.outcomes);
        tried.push(attempt);
        lastFailure = failure;
        for (const operation of batch) operation.attempt++;
        if (!hasCode(failure, 'conflict')) {
          const verdict = await this.#verdict(attempt, failure);
          if (verdict === 'applied') return settle(attempt.outcomes);
          if (verdict === 'alone') return await this.#oneByOne(batch, tried);
        }
        if (round > 1) await this.#environment.delay(this.#environment.random() * Math.min(2 ** round, MAX_DELAY_MS));
      } catch (error) {
        if (error instanceof StaleView && round <= MAX_ATTEMPTS) {
          if (round > 3) await this.#environment.delay(this.#environment.random() * Math.min(round, MAX_DELAY_MS));
          continue;
        }
        const cause = error instanceof StaleView ? new StoaError('conflict', 'the account changes too often') : error;
        settle(batch.map((operation) => ({ operation, error: cause })));
        return;
      }
    }
  }

  async #oneByOne(batch: readonly Operation[], tried: Attempt[]): Promise<void> {
    for (const operation of batch) if (!operation.settled) await this.#commit([operation], tried);
  }

  async #prepare(view: AccountView, batch: readonly Operation[]) {
    const changes = new Changes(view.state, view.list);
    const outcomes: Outcome[] = [];
    let writes = false;
    for (const [i, operation] of batch.entries()) {
      const transaction = new AccountTransaction(this.#cache, view, changes, operation.attempt, this.#environment);
      try {
        const value = await operation.run(transaction);
        if (transaction.writes) {
          const own = await transaction.finish();
          if (writes && !fitsTogether(changes, own)) {
            this.#queue.unshift(...batch.slice(i));
            break;
          }
          changes.absorb(own);
          writes = true;
        }
        outcomes.push({ operation, value });
      } catch (error) {
        if (error instanceof StaleView) throw error;
        if (error instanceof RequirementFailed) {
          operation.attempt++;
          this.#queue.unshift(operation);
        } else outcomes.push({ operation, error });
      }
    }
    return { changes, outcomes, writes };
  }

  #attempt(view: AccountView, { changes, outcomes }: { changes: Changes; outcomes: Outcome[] }): Attempt {
    const nonce = newNonce();
    const kept = changes.state.nonces.subarray(-NONCE_BYTES * (KEPT_NONCES - 1));
    const nonces = new Uint8Array(kept.length + NONCE_BYTES);
    nonces.set(kept);
    nonces.set(nonce, kept.length);
    changes.state = { ...changes.state, nonces };
    return { view, nonce, guard: encodeAccountState(changes.state), changes, outcomes };
  }

  /** Commits; returns the error if that failed. */
  async #apply({ view, guard, changes }: Attempt): Promise<StoaError | undefined> {
    const mutations = mutationsOf(changes, view);
    mutations.push({ type: 'put', key: view.keys.state, value: guard });
    const conditions = [{ key: view.keys.state, equals: view.guard }, ...changes.conditions];
    try {
      await this.#cache.store.commit({ conditions, mutations });
    } catch (error) {
      return toStoaError(error);
    }
    view.guard = guard;
    view.state = changes.state;
    view.list = changes.list;
    for (const [mailboxId, chunks] of changes.chunks) {
      for (const [number, chunk] of chunks) view.setChunk(mailboxId, number, chunk);
    }
    for (const [mailboxId, status] of changes.statuses) view.setStatus(mailboxId, status ?? undefined);
    this.#cache.keep(view);
    this.#cache.provedRight();
    return undefined;
  }

  /**
   * What became of a commit that failed without saying whether it was applied: the account row tells by its nonces.
   * Throws the failure where it cannot be known, or where trying again would not help.
   */
  async #verdict(attempt: Attempt, failure: StoaError): Promise<'applied' | 'again' | 'alone'> {
    const base = attempt.view.state.nonces.subarray(-NONCE_BYTES);
    this.#cache.drop(this.#accountId);
    for (let read = 1; ; read++) {
      try {
        const { state, guard } = await this.#cache.current(this.#accountId);
        if (hasNonce(state, attempt.nonce)) return 'applied';
        if (!sameBytes(guard, attempt.view.guard) && !hasNonce(state, base)) throw failure;
        if (failure.retryable) return 'again';
        if (attempt.outcomes.length > 1) return 'alone';
        throw failure;
      } catch (error) {
        if (error === failure || !toStoaError(error).retryable || read === OUTCOME_READS) throw failure;
        await this.#environment.delay(MAX_DELAY_MS * read);
      }
    }
  }
}

/** Whether the changes of one more operation find room in the commit. */
function fitsTogether(changes: Changes, more: Changes): boolean {
  return changes.mutations + more.mutations <= MAX_COMMIT_MUTATIONS && changes.bytes + more.bytes <= MAX_COMMIT_BYTES;
}

function settle(outcomes: readonly Outcome[]): void {
  for (const outcome of outcomes) {
    const { operation } = outcome;
    if (operation.settled) continue;
    operation.settled = true;
    if ('error' in outcome) operation.reject(outcome.error);
    else operation.resolve(outcome.value as never);
  }
}

function hasNonce(state: AccountState, nonce: Uint8Array): boolean {
  for (let at = 0; at + NONCE_BYTES <= state.nonces.length; at += NONCE_BYTES) {
    if (sameBytes(state.nonces.subarray(at, at + NONCE_BYTES), nonce)) return true;
  }
  return false;
}

const pool = new Uint8Array(NONCE_BYTES * 256);
let poolAt = pool.length;

export function newNonce(): Uint8Array {
  if (poolAt === pool.length) {
    randomFillSync(pool);
    poolAt = 0;
  }
  poolAt += NONCE_BYTES;
  return pool.slice(poolAt - NONCE_BYTES, poolAt);
}
