import { randomUUID } from 'node:crypto';
import { type BlobStore, type DataMutation, type DataStore, hasCode, StoaError } from '@stoa/plugin-sdk';
import { migrationCursorKey } from '../keys-migration.ts';
import { decodeCursor, encodeCursor, type MigrationCursor } from './cursor.ts';
import type { MailStores } from './stores.ts';

/**
 * The stores that are filled. Every commit has the condition that the cursor is as this run wrote it, so that an earlier run
 * that is still alive, or whose last commit was under way when it was killed, can write nothing over what a later one wrote.
 */
export class Target implements MailStores {
  readonly data: DataStore;
  readonly blobs: BlobStore;
  readonly #signal: AbortSignal | undefined;
  #cursor: MigrationCursor;
  /** The cursor as it was written last. */
  #row: Uint8Array;

  private constructor({ data, blobs }: MailStores, cursor: MigrationCursor, signal: AbortSignal | undefined) {
    this.data = data;
    this.blobs = blobs;
    this.#signal = signal;
    this.#cursor = cursor;
    this.#row = encodeCursor(cursor);
  }

  /** Goes on at a cursor that is there, or begins; `row` is what was read. Rejects with `failed-precondition` when another was faster. */
  static async take(
    stores: MailStores,
    id: string,
    row: Uint8Array | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Target> {
    const found = row === undefined ? undefined : decodeCursor(row);
    const cursor = {
      ...(found ?? { id, step: 'blobs', after: new Uint8Array(), done: 0 }),
      run: randomUUID(),
    } as const;
    const target = new Target(stores, cursor, signal);
    await target.#commit(row, [{ type: 'put', key: migrationCursorKey, value: target.#row }], signal);
    return target;
  }

  get cursor(): MigrationCursor {
    return this.#cursor;
  }

  async commit(mutations: readonly DataMutation[]): Promise<void> {
    await this.#commit(this.#row, mutations, this.#signal);
  }

  /** Moves the cursor, with mutations that count as done then. */
  async advance(to: Omit<MigrationCursor, 'id' | 'run'>, mutations: readonly DataMutation[] = []): Promise<void> {
    const cursor = { ...this.#cursor, ...to };
    const row = encodeCursor(cursor);
    await this.commit([...mutations, { type: 'put', key: migrationCursorKey, value: row }]);
    this.#cursor = cursor;
    this.#row = row;
  }

  /** Rejects with `failed-precondition` when another run goes on with the migration. */
  async mustBeOurs(): Promise<void> {
    const [row] = await this.data.get([migrationCursorKey]);
    if (row === undefined || Buffer.compare(row, this.#row) !== 0) throw taken();
  }

  /** The end: nodes may use the store. */
  async release(): Promise<void> {
    await this.#commit(this.#row, [{ type: 'delete', key: migrationCursorKey }], undefined);
  }

  async #commit(
    row: Uint8Array | undefined,
    mutations: readonly DataMutation[],
    signal: AbortSignal | undefined,
  ): Promise<void> {
    try {
      await this.data.commit({ conditions: [{ key: migrationCursorKey, equals: row }], mutations }, { signal });
    } catch (error) {
      throw hasCode(error, 'conflict') ? taken() : error;
    }
  }
}

const taken = () => new StoaError('failed-precondition', 'another process goes on with this migration; this one ends');
