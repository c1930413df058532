import type { DataMutation, Key, KeyRange } from '@stoa/plugin-sdk';
import { blobKey } from '../body/blob-key.ts';
import { isMoved, journal, linkedBlob, migrationStateKey } from '../keys-migration.ts';
import { copyBlob } from './copy-blob.ts';
import { decodeTouched } from './journal.ts';
import { type MailStores, readPage, sameValue } from './stores.ts';
import type { Target } from './target.ts';

const KEYS_AT_ONCE = 500;
const BYTES_AT_ONCE = 4 * 1024 * 1024;

/** Brings what was touched since to the other side: reads the journal, copies the rows as they are now, shortens the journal. */
export class Follower {
  readonly #from: MailStores;
  readonly #to: Target;
  readonly #signal: AbortSignal | undefined;
  readonly #stateRow: () => Uint8Array;
  /** Rows that were carried over, again and again included. */
  carried = 0;

  /** `stateRow`: the state of the migration as it must be for the journal to be this run's. */
  constructor(from: MailStores, to: Target, stateRow: () => Uint8Array, signal: AbortSignal | undefined) {
    this.#from = from;
    this.#to = to;
    this.#stateRow = stateRow;
    this.#signal = signal;
  }

  /** One page of the journal; returns how many of its entries there were. Rejects with `conflict` when it is not this run's. */
  async step(): Promise<number> {
    const { rows } = await readPage(this.#from.data, journal(), this.#signal);
    if (rows.length === 0) return 0;
    const keys = new Map<string, Key>();
    for (const { value } of rows) {
      const touched = decodeTouched(value);
      for (const key of touched.keys) keys.set(Buffer.from(key).toString('latin1'), key);
      for (const range of touched.ranges) await this.#copyRange(range);
    }
    await this.copyRows([...keys.values()].filter(isMoved));
    const done: DataMutation[] = rows.map(({ key }) => ({ type: 'delete', key }));
    const conditions = [{ key: migrationStateKey, equals: this.#stateRow() }];
    await this.#from.data.commit({ conditions, mutations: done }, { signal: this.#signal });
    return rows.length;
  }

  /** Makes the other side's rows of these keys what they are on this side, with the blobs that they link. */
  async copyRows(keys: readonly Key[]): Promise<void> {
    for (let at = 0; at < keys.length; at += KEYS_AT_ONCE) {
      const some = keys.slice(at, at + KEYS_AT_ONCE);
      const values = await this.#from.data.get(some, { signal: this.#signal });
      let mutations: DataMutation[] = [];
      let octets = 0;
      for (const [i, key] of some.entries()) {
        const value = values[i];
        if (value !== undefined) await this.#bringLinked(key);
        mutations.push(value === undefined ? { type: 'delete', key } : { type: 'put', key, value });
        octets += value?.length ?? 0;
        if (octets < BYTES_AT_ONCE) continue;
        await this.#write(mutations);
        mutations = [];
        octets = 0;
      }
      await this.#write(mutations);
    }
  }

  async #bringLinked(key: Key): Promise<void> {
    const id = linkedBlob(key);
    if (id !== undefined) await copyBlob(this.#from, this.#to, blobKey(id), this.#signal);
  }

  async #write(mutations: DataMutation[]): Promise<void> {
    if (mutations.length === 0) return;
    this.carried += mutations.length;
    await this.#to.commit(mutations);
  }

  /** A range was deleted; what is in it now came later. */
  async #copyRange(range: KeyRange): Promise<void> {
    const keys = [...(await this.#keysIn(this.#from, range)), ...(await this.#keysIn(this.#to, range))];
    await this.copyRows(keys.filter(isMoved));
  }

  async #keysIn({ data }: MailStores, range: KeyRange): Promise<Key[]> {
    const keys: Key[] = [];
    for await (const batch of data.scan(range, { keysOnly: true, signal: this.#signal })) {
      for (const { key } of batch) keys.push(key);
    }
    return keys;
  }

  /** Keys of a range whose rows are not the same on both sides. */
  async differences(range: KeyRange): Promise<{ differing: Key[]; compared: number; rest: KeyRange | undefined }> {
    const { rows, rest } = await readPage(this.#from.data, range, this.#signal);
    const upTo = rest?.start ?? range.end;
    const expected = new Map(rows.map(({ key, value }) => [Buffer.from(key).toString('latin1'), { key, value }]));
    const differing: Key[] = [];
    for await (const batch of this.#to.data.scan({ start: range.start, end: upTo }, { signal: this.#signal })) {
      for (const { key, value } of batch) {
        const name = Buffer.from(key).toString('latin1');
        if (!sameValue(expected.get(name)?.value, value)) differing.push(key);
        expected.delete(name);
      }
    }
    for (const { key } of expected.values()) differing.push(key);
    return { differing, compared: rows.length, rest };
  }
}
