import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { hasCode, type Key, type KeyRange, StoaError } from '@stoa/plugin-sdk';
import { journal, migrationCursorKey, migrationStateKey, movedRanges } from '../keys-migration.ts';
import { copyBlob } from './copy-blob.ts';
import { decodeCursor, encodeCursor, type MigrationCursor } from './cursor.ts';
import { Follower } from './follow.ts';
import { decodeMigrationState, encodeMigrationState, type MigrationState, movedAway } from './state.ts';
import { type MailStores, readPage } from './stores.ts';

export interface MigrateOptions {
  from: MailStores;
  to: MailStores;
  /** Where to, as the store that is left will say. */
  target: string;
  now(): number;
  signal?: AbortSignal;
  progress?(progress: MigrationProgress): void;
  /** How long commits may be held back at the end; 10,000 ms by default. */
  holdMs?: number;
}

export interface MigrationProgress {
  step: 'counting' | 'blobs' | 'rows' | 'verifying' | 'switching' | 'moved';
  done: number;
  /** Undefined where it is not known. */
  total: number | undefined;
}

export interface MigrationResult {
  blobs: number;
  rows: number;
  /** Rows that changed meanwhile and were carried over. */
  carried: number;
  /** Rows that were found to differ and were copied again. */
  mended: number;
  /** How long commits were held back (ms). */
  heldMs: number;
}

const BLOBS_AT_ONCE = 32;
/** Journal entries after which the switch may begin: what is left is done in a moment. */
const FEW_ENTRIES = 200;

/**
 * Moves all data of one pair of stores to another while the first is in use: blobs first, then rows, then what changed
 * meanwhile, as often as needed; at last commits are held back for a moment, the rest is carried over and compared, and the
 * first store says where its data are. Everything may be interrupted and called again.
 *
 * Rejects with `failed-precondition` when the data were moved already, or when the other store holds data that are not of
 * this migration; with `data-loss` when a blob is not what its name says.
 */
export async function migrate(options: MigrateOptions): Promise<MigrationResult> {
  return new Migration(options, await begin(options)).run();
}

/** Forgets a migration that was begun, so that commits are noted no longer. What was copied stays where it is. */
export async function abandonMigration({ data }: MailStores): Promise<boolean> {
  const [row] = await data.get([migrationStateKey]);
  if (row === undefined) return false;
  const state = decodeMigrationState(row);
  if (state.phase === 'moved') throw movedAway(state);
  await data.commit({
    conditions: [{ key: migrationStateKey, equals: row }],
    mutations: [{ type: 'delete', key: migrationStateKey }],
  });
  await data.commit({ conditions: [], mutations: [{ type: 'delete-range', range: journal() }] });
  return true;
}

async function begin({ from, to, target, now }: MigrateOptions): Promise<MigrationState> {
  const [[known], [cursor]] = await Promise.all([
    from.data.get([migrationStateKey]),
    to.data.get([migrationCursorKey]),
  ]);
  const before = known === undefined ? undefined : decodeMigrationState(known);
  if (before?.phase === 'moved') throw movedAway(before);
  const id = before?.id ?? randomUUID();
  if (cursor === undefined ? await hasRows(to) : decodeCursor(cursor).id !== id) {
    throw new StoaError('failed-precondition', 'the store to move to is not empty; name an empty one');
  }
  const state: MigrationState = { id, phase: 'copying', at: now(), heldUntil: 0, target };
  await from.data.commit({
    conditions: [{ key: migrationStateKey, equals: known }],
    mutations: [{ type: 'put', key: migrationStateKey, value: encodeMigrationState(state) }],
  });
  if (cursor === undefined) {
    const value = encodeCursor({ id, step: 'blobs', after: new Uint8Array(), done: 0 });
    await to.data.commit({
      conditions: [{ key: migrationCursorKey, equals: undefined }],
      mutations: [{ type: 'put', key: migrationCursorKey, value }],
    });
  }
  return state;
}

async function hasRows({ data, blobs }: MailStores): Promise<boolean> {
  for (const range of movedRanges()) {
    for await (const batch of data.scan(range, { limit: 1, keysOnly: true })) if (batch.length > 0) return true;
  }
  for await (const batch of blobs.list()) if (batch.length > 0) return true;
  return false;
}

class Migration {
  readonly #options: MigrateOptions;
  readonly #follower: Follower;
  #state: MigrationState;
  /** The state row as it was written last. */
  #row: Uint8Array;
  #blobs = 0;
  #rows = 0;
  #mended = 0;

  constructor(options: MigrateOptions, state: MigrationState) {
    this.#options = options;
    this.#state = state;
    this.#row = encodeMigrationState(state);
    this.#follower = new Follower(options.from, options.to, options.signal);
  }

  async run(): Promise<MigrationResult> {
    const [row] = await this.#options.to.data.get([migrationCursorKey]);
    let cursor = decodeCursor(row as Uint8Array);
    if (cursor.step === 'blobs') cursor = await this.#copyBlobs(cursor);
    if (cursor.step === 'rows') cursor = await this.#copyRows(cursor);
    await this.#catchUp();
    const suspects = await this.#compare(cursor);
    const heldMs = await this.#switch(suspects);
    const { carried } = this.#follower;
    return { blobs: this.#blobs, rows: this.#rows, carried, mended: this.#mended, heldMs };
  }

  #tell(step: MigrationProgress['step'], done: number, total?: number): void {
    this.#options.progress?.({ step, done, total });
  }

  async #save(cursor: MigrationCursor): Promise<MigrationCursor> {
    const mutations = [{ type: 'put', key: migrationCursorKey, value: encodeCursor(cursor) }] as const;
    await this.#options.to.data.commit({ conditions: [], mutations }, { signal: this.#options.signal });
    return cursor;
  }

  async #copyBlobs(from: MigrationCursor): Promise<MigrationCursor> {
    const { signal } = this.#options;
    let cursor = from;
    const begun = cursor.after.length === 0 ? {} : { after: Buffer.from(cursor.after).toString('latin1') };
    for await (const batch of this.#options.from.blobs.list({ ...begun, signal })) {
      for (let at = 0; at < batch.length; at += BLOBS_AT_ONCE) {
        const some = batch.slice(at, at + BLOBS_AT_ONCE);
        // One that is gone meanwhile was linked by nothing.
        await Promise.all(some.map(({ key }) => copyBlob(this.#options.from, this.#options.to, key, signal)));
        this.#blobs += some.length;
        this.#tell('blobs', cursor.done + at + some.length);
      }
      const last = batch.at(-1)?.key ?? '';
      cursor = await this.#save({ ...cursor, after: Buffer.from(last, 'latin1'), done: cursor.done + batch.length });
      // The journal must not grow without end meanwhile.
      await this.#shorten();
    }
    return this.#save({ ...cursor, step: 'rows', after: new Uint8Array(), done: 0 });
  }

  async #copyRows(from: MigrationCursor): Promise<MigrationCursor> {
    const { from: source, to, signal } = this.#options;
    const total = await this.#countRows();
    let cursor = from;
    for (const range of movedRanges()) {
      let rest: KeyRange | undefined = startAfter(range, cursor.after);
      while (rest !== undefined) {
        const page = await readPage(source.data, rest, signal);
        rest = page.rest;
        const last = page.rows.at(-1)?.key;
        if (last === undefined) break;
        cursor = { ...cursor, after: last, done: cursor.done + page.rows.length };
        const puts = page.rows.map(({ key, value }) => ({ type: 'put', key, value }) as const);
        const moved = { type: 'put', key: migrationCursorKey, value: encodeCursor(cursor) } as const;
        await to.data.commit({ conditions: [], mutations: [...puts, moved] }, { signal });
        this.#rows += page.rows.length;
        this.#tell('rows', cursor.done, total);
        // A row of this page that changed after it was read is in the journal, and carried over after this.
        await this.#shorten();
      }
    }
    return this.#save({ ...cursor, step: 'verifying', after: new Uint8Array(), done: 0 });
  }

  async #countRows(): Promise<number> {
    let count = 0;
    for (const range of movedRanges()) {
      for await (const batch of this.#options.from.data.scan(range, { keysOnly: true, signal: this.#options.signal })) {
        count += batch.length;
        this.#tell('counting', count);
      }
    }
    return count;
  }

  async #shorten(): Promise<void> {
    await this.#follower.step();
  }

  async #catchUp(): Promise<void> {
    while ((await this.#follower.step()) > FEW_ENTRIES);
  }

  /** Rows that differ now: on their way, or wrong. Which of them is wrong shows when nothing is on its way. */
  async #compare(cursor: MigrationCursor): Promise<Key[]> {
    const suspects: Key[] = [];
    let compared = 0;
    for (const range of movedRanges()) {
      let rest: KeyRange | undefined = range;
      while (rest !== undefined) {
        const page = await this.#follower.differences(rest);
        suspects.push(...page.differing);
        compared += page.compared;
        rest = page.rest;
        this.#tell('verifying', compared, Math.max(cursor.done, compared));
        await this.#shorten();
      }
    }
    return suspects;
  }

  async #switch(suspects: readonly Key[]): Promise<number> {
    const { from, to, now, holdMs = 10_000 } = this.#options;
    this.#tell('switching', 0);
    for (;;) {
      await this.#catchUp();
      const heldAt = now();
      const deadline = heldAt + holdMs;
      await this.#become({ ...this.#state, phase: 'held', at: heldAt, heldUntil: deadline });
      while ((await this.#follower.step()) > 0);
      await this.#mend(suspects);
      try {
        // Whoever took the hold away since, because it took too long, has changed the row: then all goes on as before.
        await this.#become({ ...this.#state, phase: 'moved', at: now(), heldUntil: 0 });
      } catch (error) {
        if (!hasCode(error, 'conflict')) throw error;
        await this.#recover();
        await delay(0);
        continue;
      }
      await to.data.commit({ conditions: [], mutations: [{ type: 'delete', key: migrationCursorKey }] });
      await from.data.commit({ conditions: [], mutations: [{ type: 'delete-range', range: journal() }] });
      this.#tell('moved', 1, 1);
      return now() - heldAt;
    }
  }

  async #mend(suspects: readonly Key[]): Promise<void> {
    for (let at = 0; at < suspects.length; at += 500) {
      const some = suspects.slice(at, at + 500);
      const [ours, theirs] = await Promise.all([this.#options.from.data.get(some), this.#options.to.data.get(some)]);
      const wrong = some.filter((_, i) => Buffer.compare(ours[i] ?? Buffer.of(), theirs[i] ?? Buffer.of()) !== 0);
      this.#mended += wrong.length;
      await this.#follower.copyRows(wrong);
    }
  }

  async #become(state: MigrationState): Promise<void> {
    const row = encodeMigrationState(state);
    await this.#options.from.data.commit({
      conditions: [{ key: migrationStateKey, equals: this.#row }],
      mutations: [{ type: 'put', key: migrationStateKey, value: row }],
    });
    this.#state = state;
    this.#row = row;
  }

  /** The state as it is, after somebody else changed it. */
  async #recover(): Promise<void> {
    const [row] = await this.#options.from.data.get([migrationStateKey]);
    if (row === undefined) throw new StoaError('cancelled', 'the migration was abandoned');
    this.#row = row;
    this.#state = decodeMigrationState(row);
    if (this.#state.phase === 'moved') throw movedAway(this.#state);
  }
}

function startAfter(range: KeyRange, key: Uint8Array): KeyRange | undefined {
  if (key.length === 0) return range;
  const start = Buffer.concat([key, Buffer.of(0)]);
  if (Buffer.compare(start, range.end) >= 0) return undefined;
  return Buffer.compare(start, range.start) < 0 ? range : { start, end: range.end };
}
