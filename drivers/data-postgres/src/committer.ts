import { type DataCommit, StoaError, throwIfCancelled } from '@stoa/plugin-sdk';
import { booleanArray, byteaArray, integerArray } from './encode.ts';
import { breaksConnection, fromPostgres, isTransient, sqlState } from './errors.ts';
import { ALL_KEYS, type CommitPlan, MAX_KEY_LOCKS, planCommit } from './plan.ts';

/** Sends one call of the function `commit`; resolves to the text of what it returns, rejects with the error of pg. */
export type SendCommits = (values: Buffer[]) => Promise<string>;

interface Waiting {
  readonly plan: CommitPlan;
  readonly signal: AbortSignal | undefined;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const MAX_BATCH = 128;
const MAX_BATCH_OCTETS = 2 * 1024 * 1024;
/** How far the queue is searched for commits that can go along. */
const MAX_SEARCH = 1024;
const MAX_ATTEMPTS = 5;

/**
 * Group commit: commits that wait while all lanes are busy share the next transaction, and so one round trip and one
 * write to the disk. Only commits that do not touch each other's keys share one or are under way at a time, so each
 * fails alone, and none waits in the server for another of this process.
 */
export class Committer {
  readonly #send: SendCommits;
  readonly #lanes: number;
  #queue: Waiting[] = [];
  #busyLanes = 0;
  #scheduled = false;
  /** Locks of commits under way: how many share it, or -1. */
  readonly #held = new Map<number, number>();
  #idle: (() => void)[] = [];

  constructor(send: SendCommits, lanes: number) {
    this.#send = send;
    this.#lanes = lanes;
  }

  async commit(commit: DataCommit, signal: AbortSignal | undefined): Promise<void> {
    const plan = planCommit(commit);
    return new Promise((resolve, reject) => {
      this.#queue.push({ plan, signal, resolve, reject });
      this.#schedule();
    });
  }

  /** Resolves when no commit is under way. */
  async idle(): Promise<void> {
    if (this.#queue.length === 0 && this.#busyLanes === 0) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** At the end of the turn, so that commits made in one turn go together. */
  #schedule(): void {
    if (this.#scheduled || this.#busyLanes >= this.#lanes) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#startLanes();
    });
  }

  #startLanes(): void {
    while (this.#busyLanes < this.#lanes) {
      const batch = this.#takeBatch();
      if (batch.length === 0) break;
      this.#busyLanes += 1;
      void this.#write(batch).finally(() => {
        for (const { plan } of batch) this.#unlock(plan);
        this.#busyLanes -= 1;
        if (this.#queue.length > 0) this.#schedule();
        else if (this.#busyLanes === 0) for (const resolve of this.#idle.splice(0)) resolve();
      });
    }
  }

  #takeBatch(): Waiting[] {
    const batch: Waiting[] = [];
    const left: Waiting[] = [];
    // Locks of those that are left: who comes later may not overtake them.
    const wanted = new Set<number>();
    let [octets, locks, at] = [0, 0, 0];
    for (; at < this.#queue.length && at < MAX_SEARCH && batch.length < MAX_BATCH; at += 1) {
      const waiting = this.#queue[at]!;
      const { plan } = waiting;
      if (isCancelled(waiting)) continue;
      const ownLocks = plan.shared.size + plan.exclusive.size;
      const full = batch.length > 0 && (octets + plan.octets > MAX_BATCH_OCTETS || locks + ownLocks > MAX_KEY_LOCKS);
      if (full) break;
      if (plan.alone) {
        // It waits in the server for the others, which never wait for it in turn.
        if (batch.length === 0 && left.length === 0) {
          batch.push(waiting);
          at += 1;
        }
        break;
      }
      if (this.#isFree(plan, wanted)) {
        this.#lock(plan);
        batch.push(waiting);
        octets += plan.octets;
        locks += ownLocks;
      } else {
        left.push(waiting);
        for (const lock of plan.exclusive) wanted.add(lock);
        for (const lock of plan.shared) wanted.add(lock);
      }
    }
    this.#queue = left.length === 0 && at === this.#queue.length ? [] : [...left, ...this.#queue.slice(at)];
    return batch;
  }

  #isFree({ shared, exclusive }: CommitPlan, wanted: ReadonlySet<number>): boolean {
    for (const lock of exclusive) if (this.#held.has(lock) || wanted.has(lock)) return false;
    for (const lock of shared) if ((this.#held.get(lock) ?? 0) < 0 || wanted.has(lock)) return false;
    return true;
  }

  #lock({ shared, exclusive }: CommitPlan): void {
    for (const lock of exclusive) this.#held.set(lock, -1);
    for (const lock of shared) this.#held.set(lock, (this.#held.get(lock) ?? 0) + 1);
  }

  #unlock({ shared, exclusive, alone }: CommitPlan): void {
    if (alone) return;
    for (const lock of exclusive) this.#held.delete(lock);
    for (const lock of shared) {
      const others = (this.#held.get(lock) ?? 1) - 1;
      if (others > 0) this.#held.set(lock, others);
      else this.#held.delete(lock);
    }
  }

  /** Settles all of the batch; never rejects. */
  async #write(batch: readonly Waiting[]): Promise<void> {
    let failed: Set<number>;
    try {
      failed = await this.#attempt(batch.map(({ plan }) => plan));
    } catch (error) {
      if (batch.length > 1 && !concernsAll(error)) {
        // Rolled back for the sake of one, too large for what is left of the disk, say.
        for (const waiting of batch) if (!isCancelled(waiting)) await this.#write([waiting]);
        return;
      }
      const failure = fromPostgres(error);
      for (const { reject } of batch) reject(failure);
      return;
    }
    for (const [index, { resolve, reject }] of batch.entries()) {
      if (failed.has(index)) reject(new StoaError('conflict', 'a condition of the commit does not hold'));
      else resolve();
    }
  }

  /** The numbers of those whose conditions do not hold. */
  async #attempt(plans: readonly CommitPlan[]): Promise<Set<number>> {
    let alone = plans.some((plan) => plan.alone);
    for (let attempt = 1; ; attempt += 1) {
      try {
        const text = await this.#send(encodeCommits(plans, alone));
        return new Set(text === '{}' ? [] : text.slice(1, -1).split(',').map(Number));
      } catch (error) {
        // No room for so many locks in the server: one for all then.
        const crowded = sqlState(error) === '53200' && !alone;
        if (!crowded && !(isTransient(error) && attempt < MAX_ATTEMPTS)) throw error;
        alone ||= crowded;
      }
    }
  }
}

function isCancelled({ signal, reject }: Waiting): boolean {
  try {
    throwIfCancelled(signal);
    return false;
  } catch (error) {
    reject(error);
    return true;
  }
}

/** Timeouts, and all where the outcome is not known. */
function concernsAll(error: unknown): boolean {
  return breaksConnection(error) || isTransient(error) || ['57014', '55P03'].includes(sqlState(error) ?? '');
}

/** The arguments of the function `commit`, but for the last. */
function encodeCommits(plans: readonly CommitPlan[], alone: boolean): Buffer[] {
  const exclusive = new Set<number>();
  const locks = new Set<number>();
  const conditions: [of: number[], keys: Uint8Array[], values: (Uint8Array | undefined)[]] = [[], [], []];
  const deletes: [of: number[], keys: Uint8Array[]] = [[], []];
  const puts: [of: number[], keys: Uint8Array[], values: Uint8Array[]] = [[], [], []];
  for (const [index, plan] of plans.entries()) {
    for (const { key, equals } of plan.conditions) {
      conditions[0].push(index);
      conditions[1].push(key);
      conditions[2].push(equals);
    }
    for (const key of plan.deletes) {
      deletes[0].push(index);
      deletes[1].push(key);
    }
    for (const { key, value } of plan.puts) {
      puts[0].push(index);
      puts[1].push(key);
      puts[2].push(value);
    }
    if (alone) continue;
    for (const lock of plan.exclusive) exclusive.add(lock);
    for (const lock of plan.shared) locks.add(lock);
  }
  for (const lock of exclusive) locks.add(lock);
  const sorted = [ALL_KEYS, ...[...locks].sort((a, b) => a - b)];
  const ranges = plans.flatMap((plan) => plan.ranges);
  return [
    integerArray(sorted),
    booleanArray(sorted.map((lock) => (lock === ALL_KEYS ? alone : exclusive.has(lock)))),
    integerArray(conditions[0]),
    byteaArray(conditions[1]),
    byteaArray(conditions[2]),
    byteaArray(ranges.map(({ start }) => start)),
    byteaArray(ranges.map(({ end }) => end)),
    integerArray(deletes[0]),
    byteaArray(deletes[1]),
    integerArray(puts[0]),
    byteaArray(puts[1]),
    byteaArray(puts[2]),
  ];
}
