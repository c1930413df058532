import {
  type CallOptions,
  type DataCapabilities,
  type DataCommit,
  type DataEntry,
  type DataStore,
  hasCode,
  type Key,
  type KeyRange,
  type ScanOptions,
  StoaError,
} from '@stoa/plugin-sdk';
import { journalKey, migrationCursorKey, migrationStateKey } from '../keys-migration.ts';
import { encodeTouched } from './journal.ts';
import { decodeMigrationState, encodeMigrationState, type MigrationState, movedAway } from './state.ts';

/**
 * A data store that can be moved elsewhere while it is used. Each commit has the condition that the state of the migration
 * is what this process believes; so a migration that begins, ends or is in its last moments is known to every process from
 * its next commit on, without anybody being told.
 */
export class MovableStore implements DataStore {
  readonly #inner: DataStore;
  readonly #now: () => number;
  /** The state row as it was read last. */
  #row: Uint8Array | undefined;

  private constructor(inner: DataStore, now: () => number, row: Uint8Array | undefined) {
    this.#inner = inner;
    this.#now = now;
    this.#row = row;
  }

  /** Rejects with `failed-precondition` when the data were moved away, or have not all been moved here. */
  static async open(inner: DataStore, now: () => number): Promise<MovableStore> {
    const [row, cursor] = await inner.get([migrationStateKey, migrationCursorKey]);
    // What is written beside a migration to here would be lost with its next step.
    if (cursor !== undefined) {
      throw new StoaError(
        'failed-precondition',
        'the data of another store are being moved to this one; run `stoa store migrate` to its end first',
      );
    }
    const store = new MovableStore(inner, now, row);
    const state = store.#state();
    if (state?.phase === 'moved') throw movedAway(state);
    return store;
  }

  #state(): MigrationState | undefined {
    return this.#row === undefined ? undefined : decodeMigrationState(this.#row);
  }

  get(keys: readonly Key[], options?: CallOptions): Promise<(Uint8Array | undefined)[]> {
    return this.#inner.get(keys, options);
  }

  scan(range: KeyRange, options?: ScanOptions): AsyncIterable<DataEntry[]> {
    return this.#inner.scan(range, options);
  }

  async commit(commit: DataCommit, options?: CallOptions): Promise<void> {
    for (;;) {
      const row = this.#row;
      const mutations = [...commit.mutations];
      if (row !== undefined && !(await this.#mayCommit())) continue;
      if (row !== undefined) {
        mutations.push({ type: 'put', key: journalKey(this.#now()), value: encodeTouched(commit.mutations) });
      }
      try {
        const conditions = [...commit.conditions, { key: migrationStateKey, equals: row }];
        return await this.#inner.commit({ conditions, mutations }, options);
      } catch (error) {
        if (!hasCode(error, 'conflict') || !(await this.#changed(row))) throw error;
      }
    }
  }

  /** False: the state has changed, look again. Throws where nothing may be written. */
  async #mayCommit(): Promise<boolean> {
    const state = this.#state();
    if (state === undefined || state.phase === 'copying') return true;
    if (await this.#changed(this.#row)) return false;
    if (state.phase === 'moved') throw unavailable('the data were moved to another store');
    if (this.#now() < state.heldUntil) throw unavailable('the data are being moved to another store');
    const row = encodeMigrationState({ ...state, phase: 'copying', at: this.#now(), heldUntil: 0 });
    await this.#inner
      .commit({
        conditions: [{ key: migrationStateKey, equals: this.#row }],
        mutations: [{ type: 'put', key: migrationStateKey, value: row }],
      })
      .catch((error: unknown) => {
        if (!hasCode(error, 'conflict')) throw error;
      });
    await this.#changed(this.#row);
    return false;
  }

  /** Reads the state; tells whether it is another than the one given. */
  async #changed(before: Uint8Array | undefined): Promise<boolean> {
    const [row] = await this.#inner.get([migrationStateKey]);
    this.#row = row;
    return row === undefined || before === undefined ? row !== before : Buffer.compare(row, before) !== 0;
  }

  /** Rejects too once the data were moved away. */
  async check(): Promise<void> {
    await this.#inner.check();
    await this.#changed(this.#row);
    const state = this.#state();
    if (state?.phase === 'moved') throw movedAway(state);
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

/**
 * The store as the router uses it. One that only processes of this host share can be moved while it is used; where several
 * hosts share it, the condition of every commit on one row would set them all in a queue. Rejects with
 * `failed-precondition` when the data were moved away, or have not all been moved here.
 */
export async function openMovable(
  store: DataStore,
  { shared }: DataCapabilities,
  now: () => number,
): Promise<DataStore> {
  const movable = await MovableStore.open(store, now);
  return shared === 'network' ? store : movable;
}

function unavailable(message: string): StoaError {
  return new StoaError('unavailable', message);
}
