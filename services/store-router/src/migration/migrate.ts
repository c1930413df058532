import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { hasCode, type Key, type KeyRange, StoaError } from '@stoa/plugin-sdk';
import { journal, migrationCursorKey, migrationStateKey, movedRanges } from '../keys-migration.ts';
import { copyBlob } from './copy-blob.ts';
import { decodeCursor } from './cursor.ts';
import { Follower } from './follow.ts';
import { decodeMigrationState, encodeMigrationState, type MigrationState, movedAway } from './state.ts';
import { type MailStores, readPage, sameValue } from './stores.ts';
import { Target } from './target.ts';

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
 * first store says where its data are. Everything may be interrupted and called again; of two calls at a time the later one
 * goes on.
 *
 * Rejects with `failed-precondition` when the data were moved already, when there are none, when the other store holds
 * data that are not of this migration, or when another call goes on with it; with `data-loss` when a blob is not what its name says.
 */
export async function migrate(options: MigrateOptions): Promise<MigrationResult> {
  const { state, target } = await begin(options);
  const migration = new Migration(options, state, target);
  return state.phase === 'moved' ? migration.finish() : migration.run();
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

async function begin(options: MigrateOptions): Promise<{ state: MigrationState; target: Target }> {
  const { from, to, now, signal } = options;
  const [[known], [cursor]] = await Promise.all([
    from.data.get([migrationStateKey]),
    to.data.get([migrationCursorKey]),
  ]);
  const before = known === undefined ? undefined : decodeMigrationState(known);
  const id = before?.id ?? randomUUID();
  const ours = cursor !== undefined && decodeCursor(cursor).id === id;
  // With a cursor of this migration only the last step is missing: whoever moved the data died before it.
  if (before?.phase === 'moved') {
    if (!ours) throw movedAway(before);
    return { state: before, target: await Target.take(to, id, cursor, signal) };
  }
  if (before === undefined && !(await hasRows(from))) {
    throw new StoaError('failed-precondition', 'the store to move from is empty; name the configuration of the node');
  }
  if (!ours && (cursor !== undefined || (await hasRows(to)))) {
    throw new StoaError('failed-precondition', 'the store to move to is not empty; name an empty one');
  }
  const state: MigrationState = { id, phase: 'copying', at: now(), heldUntil: 0, target: options.target };
  await from.data.commit({
    conditions: [{ key: migrationStateKey, equals: known }],
    mutations: [{ type: 'put', key: migrationStateKey, value: encodeMigrationState(state) }],
  });
  return { state, target: await Target.take(to, id, cursor, signal) };
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
  readonly #target: Target;
  readonly #follower: Follower;
  #state: MigrationState;
  /** The state row as it was written last. */
  #row: Uint8Array;
  #blobs = 0;
  #rows = 0;
  #mended = 0;

  constructor(options: MigrateOptions, state: MigrationState, target: Target) {
    this.#options = options;
    this.#target = target;
    this.#state = state;
    this.#row = encodeMigrationState(state);
    this.#follower = new Follower(options.from, target, () => this.#row, options.signal);
  }

  async run(): Promise<MigrationResult> {
    if (this.#target.cursor.step === 'blobs') await this.#copyBlobs();
    if (this.#target.cursor.step === 'rows') await this.#copyRows();
    await this.#catchUp();
    const suspects = await this.#compare();
    return this.#result(await this.#switch(suspects));
  }

  /** What remains when the data are moved: nodes may use the store that was filled. */
  async finish(): Promise<MigrationResult> {
    await this.#target.release();
    await this.#options.from.data.commit({ conditions: [], mutations: [{ type: 'delete-range', range: journal() }] });
    this.#tell('moved', 1, 1);
    return this.#result(0);
  }

  #result(heldMs: number): MigrationResult {
    const { carried } = this.#follower;
    return { blobs: this.#blobs, rows: this.#rows, carried, mended: this.#mended, heldMs };
  }

  #tell(step: MigrationProgress['step'], done: number, total?: number): void {
    this.#options.progress?.({ step, done, total });
  }

  async #copyBlobs(): Promise<void> {
    const { from, signal } = this.#options;
    const target = this.#target;
    const { after } = target.cursor;
    const begun = after.length === 0 ? {} : { after: Buffer.from(after).toString('latin1') };
    for await (const batch of from.blobs.list({ ...begun, signal })) {
      const { done } = target.cursor;
      for (let at = 0; at < batch.length; at += BLOBS_AT_ONCE) {
        const some = batch.slice(at, at + BLOBS_AT_ONCE);
        // One that is gone meanwhile was linked by nothing.
        await Promise.all(some.map(({ key }) => copyBlob(from, target, key, signal)));
        this.#blobs += some.length;
        this.#tell('blobs', done + at + some.length);
      }
      const last = batch.at(-1)?.key ?? '';
      await target.advance({ step: 'blobs', after: Buffer.from(last, 'latin1'), done: done + batch.length });
      // The journal must not grow without end meanwhile.
      await this.#shorten();
    }
    await target.advance({ step: 'rows', after: new Uint8Array(), done: 0 });
  }

  async #copyRows(): Promise<void> {
    const { from, signal } = this.#options;
    const target = this.#target;
    const total = await this.#countRows();
    for (const range of movedRanges()) {
      let rest: KeyRange | undefined = startAfter(range, target.cursor.after);
      while (rest !== undefined) {
        const page = await readPage(from.data, rest, signal);
        rest = page.rest;
        const last = page.rows.at(-1)?.key;
        if (last === undefined) break;
        const puts = page.rows.map(({ key, value }) => ({ type: 'put', key, value }) as const);
        await target.advance({ step: 'rows', after: last, done: target.cursor.done + page.rows.length }, puts);
        this.#rows += page.rows.length;
        this.#tell('rows', target.cursor.done, total);
        // A row of this page that changed after it was read is in the journal, and carried over after this.
        await this.#shorten();
      }
    }
    await target.advance({ step: 'verifying', after: new Uint8Array(), done: target.cursor.done });
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
    await this.#step();
  }

  async #catchUp(): Promise<void> {
    while ((await this.#step()) > FEW_ENTRIES);
  }

  async #step(): Promise<number> {
    try {
      return await this.#follower.step();
    } catch (error) {
      // Says so where the migration is not this run's any more.
      if (hasCode(error, 'conflict')) await this.#recover();
      throw error;
    }
  }

  /** Rows that differ now: on their way, or wrong. Which of them is wrong shows when nothing is on its way. */
  async #compare(): Promise<Key[]> {
    const suspects: Key[] = [];
    const total = this.#target.cursor.done;
    let compared = 0;
    for (const range of movedRanges()) {
      let rest: KeyRange | undefined = range;
      while (rest !== undefined) {
        const page = await this.#follower.differences(rest);
        suspects.push(...page.differing);
        compared += page.compared;
        rest = page.rest;
        this.#tell('verifying', compared, Math.max(total, compared));
        await this.#shorten();
      }
    }
    return suspects;
  }

  async #switch(suspects: readonly Key[]): Promise<number> {
    const { now, holdMs = 10_000 } = this.#options;
    this.#tell('switching', 0);
    for (;;) {
      await this.#catchUp();
      const heldAt = now();
      try {
        await this.#become({ ...this.#state, phase: 'held', at: heldAt, heldUntil: heldAt + holdMs });
        while ((await this.#step()) > 0);
        await this.#mend(suspects);
        // Whoever took the hold away since, because it took too long, has changed the row: then all goes on as before.
        await this.#become({ ...this.#state, phase: 'moved', at: now(), heldUntil: 0 });
      } catch (error) {
        if (!hasCode(error, 'conflict')) throw await this.#letGo(error);
        await this.#recover();
        await delay(0);
        continue;
      }
      const heldMs = now() - heldAt;
      await this.finish();
      return heldMs;
    }
  }

  /** Commits need not wait for the end of the hold when the switch has failed; returns what it failed with. */
  async #letGo(error: unknown): Promise<unknown> {
    // Where this fails too the hold ends by itself.
    await this.#become({ ...this.#state, phase: 'copying', at: this.#options.now(), heldUntil: 0 }).catch(() => {});
    return error;
  }

  async #mend(suspects: readonly Key[]): Promise<void> {
    for (let at = 0; at < suspects.length; at += 500) {
      const some = suspects.slice(at, at + 500);
      const [ours, theirs] = await Promise.all([this.#options.from.data.get(some), this.#options.to.data.get(some)]);
      const wrong = some.filter((_, i) => !sameValue(ours[i], theirs[i]));
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
    const state = row === undefined ? undefined : decodeMigrationState(row);
    if (row === undefined || state?.id !== this.#state.id) {
      throw new StoaError('cancelled', 'the migration was abandoned');
    }
    await this.#target.mustBeOurs();
    this.#row = row;
    this.#state = state;
    if (this.#state.phase === 'moved') throw movedAway(this.#state);
  }
}

function startAfter(range: KeyRange, key: Uint8Array): KeyRange | undefined {
  if (key.length === 0) return range;
  const start = Buffer.concat([key, Buffer.of(0)]);
  if (Buffer.compare(start, range.end) >= 0) return undefined;
  return Buffer.compare(start, range.start) < 0 ? range : { start, end: range.end };
}
