import fc from 'fast-check';
import type { DataCommit, DataEntry, KeyRange, ScanOptions } from '../src/index.ts';
import { hex } from './suite.ts';

/** The simple model of a data store: a map whose keys, in hexadecimal, sort as the octets do. */
export class DataModel {
  readonly #entries: Map<string, Uint8Array>;

  constructor(entries: Iterable<[string, Uint8Array]> = []) {
    this.#entries = new Map(entries);
  }

  copy(): DataModel {
    return new DataModel(this.#entries);
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#entries.get(hex(key));
  }

  /** False on a conflict, which changes nothing. */
  commit(commit: DataCommit): boolean {
    for (const { key, equals } of commit.conditions) {
      const actual = this.get(key);
      if (actual === undefined || equals === undefined ? actual !== equals : hex(actual) !== hex(equals)) return false;
    }
    for (const mutation of commit.mutations) {
      if (mutation.type === 'put') this.#entries.set(hex(mutation.key), mutation.value);
      else if (mutation.type === 'delete') this.#entries.delete(hex(mutation.key));
      else for (const { key } of this.scan(mutation.range, {})) this.#entries.delete(hex(key));
    }
    return true;
  }

  scan(range: KeyRange, { limit, reverse, keysOnly }: ScanOptions): DataEntry[] {
    const [start, end] = [hex(range.start), hex(range.end)];
    const keys = [...this.#entries.keys()].filter((key) => key >= start && key < end).sort();
    if (reverse) keys.reverse();
    return keys.slice(0, limit).map((key) => ({
      key: Buffer.from(key, 'hex'),
      value: keysOnly ? new Uint8Array(0) : this.#entries.get(key)!,
    }));
  }
}

/** For comparing: entries as text. */
export function printEntries(entries: readonly DataEntry[]): string[] {
  return entries.map(({ key, value }) => `${hex(key)}=${hex(value)}`);
}

/** All keys that begin with the prefix. */
export function prefixRange(prefix: Uint8Array): KeyRange {
  return { start: prefix, end: Buffer.concat([prefix, new Uint8Array(64).fill(0xff)]) };
}

/** Arbitrary keys below a prefix: few and short, so that they meet, and at the borders of the order of octets. */
function suffixes(): fc.Arbitrary<Uint8Array> {
  return fc
    .array(fc.constantFrom(0x00, 0x01, 0x2f, 0x7f, 0x80, 0xff), { maxLength: 3 })
    .map((octets) => Uint8Array.from(octets));
}

const values = () => fc.uint8Array({ maxLength: 3 });

type ConditionPlan = { key: Uint8Array; equals: 'current' | 'absent' | Uint8Array };
type MutationPlan =
  | { type: 'put'; key: Uint8Array; value: Uint8Array }
  | { type: 'delete'; key: Uint8Array }
  | { type: 'delete-range'; start: Uint8Array; end: Uint8Array };

/** A commit with keys still without prefix; `current` stands for the value at the time. */
export interface CommitPlan {
  conditions: ConditionPlan[];
  mutations: MutationPlan[];
}

export function commitPlans(): fc.Arbitrary<CommitPlan> {
  return fc.record({
    conditions: fc.array(
      fc.record({
        key: suffixes(),
        equals: fc.oneof(
          { weight: 4, arbitrary: fc.constant('current' as const) },
          { weight: 1, arbitrary: fc.constant('absent' as const) },
          { weight: 1, arbitrary: values() },
        ),
      }),
      { maxLength: 2 },
    ),
    mutations: fc.array(
      fc.oneof(
        { weight: 6, arbitrary: fc.record({ type: fc.constant('put' as const), key: suffixes(), value: values() }) },
        { weight: 2, arbitrary: fc.record({ type: fc.constant('delete' as const), key: suffixes() }) },
        {
          weight: 1,
          arbitrary: fc.record({ type: fc.constant('delete-range' as const), start: suffixes(), end: suffixes() }),
        },
      ),
      { maxLength: 6 },
    ),
  });
}

export function toCommit(plan: CommitPlan, prefix: Uint8Array, model: DataModel): DataCommit {
  const at = (key: Uint8Array) => Buffer.concat([prefix, key]);
  return {
    conditions: plan.conditions.map(({ key, equals }) => ({
      key: at(key),
      equals: equals === 'current' ? model.get(at(key)) : equals === 'absent' ? undefined : equals,
    })),
    mutations: plan.mutations.map((mutation) =>
      mutation.type === 'delete-range'
        ? { type: 'delete-range', range: { start: at(mutation.start), end: at(mutation.end) } }
        : { ...mutation, key: at(mutation.key) },
    ),
  };
}

export interface ScanPlan {
  start: Uint8Array;
  end: Uint8Array;
  options: ScanOptions;
}

export function scanPlans(): fc.Arbitrary<ScanPlan> {
  return fc.record({
    start: suffixes(),
    end: suffixes().map((suffix) => Uint8Array.from([...suffix, 0xff])),
    options: fc.record(
      { limit: fc.integer({ min: 1, max: 5 }), reverse: fc.boolean(), keysOnly: fc.boolean() },
      { requiredKeys: [] },
    ),
  });
}
