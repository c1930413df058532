import { crc32 } from 'node:zlib';
import { type DataCommit, type Key, type KeyRange, MAX_KEY_BYTES, MAX_VALUE_BYTES, StoaError } from '@stoa/plugin-sdk';

/** The lock that stands for all keys. Every commit takes it, shared or exclusively, before those of its keys. */
export const ALL_KEYS = 0;

/**
 * Locks of keys in one transaction at most; beyond it takes the lock of all keys alone. The server has room for 6,400 of
 * all transactions together by default (max_locks_per_transaction times max_connections).
 */
export const MAX_KEY_LOCKS = 256;

/** What a commit comes to: each key changed at most once, after the ranges were deleted. */
export interface CommitPlan {
  readonly conditions: readonly { key: Key; equals: Uint8Array | undefined }[];
  readonly ranges: readonly KeyRange[];
  readonly deletes: readonly Key[];
  readonly puts: readonly { key: Key; value: Uint8Array }[];
  /** Locks of keys that are only compared, and of those that change; the latter are not among the former. */
  readonly shared: ReadonlySet<number>;
  readonly exclusive: ReadonlySet<number>;
  /** Must have all keys for itself. */
  readonly alone: boolean;
  readonly octets: number;
}

/** All processes on a store must come to the same lock; a change of this needs a new version of the format. */
export function lockOf(key: Key): number {
  return (crc32(key) % 0x7fffffff) + 1;
}

const textOf = (key: Key) => Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');

/** Checks the sizes, copies nothing; throws `invalid-argument` or `too-large`. */
export function planCommit(commit: DataCommit): CommitPlan {
  let octets = 0;
  const changes = new Map<string, { key: Key; value: Uint8Array | undefined }>();
  const ranges: KeyRange[] = [];
  for (const mutation of commit.mutations) {
    if (mutation.type === 'delete-range') {
      const { range } = mutation;
      checkBound(range.start);
      checkBound(range.end);
      const [start, end] = [textOf(range.start), textOf(range.end)];
      for (const text of changes.keys()) if (text >= start && text < end) changes.delete(text);
      if (start < end) ranges.push(range);
      continue;
    }
    checkKey(mutation.key);
    const value = mutation.type === 'put' ? mutation.value : undefined;
    if (value !== undefined && value.length > MAX_VALUE_BYTES) {
      throw new StoaError('too-large', `a value has more than ${MAX_VALUE_BYTES} octets`);
    }
    octets += mutation.key.length + (value?.length ?? 0);
    changes.set(textOf(mutation.key), { key: mutation.key, value });
  }
  const deletes: Key[] = [];
  const puts: { key: Key; value: Uint8Array }[] = [];
  const exclusive = new Set<number>();
  for (const { key, value } of changes.values()) {
    if (value === undefined) deletes.push(key);
    else puts.push({ key, value });
    exclusive.add(lockOf(key));
  }
  const shared = new Set<number>();
  for (const { key, equals } of commit.conditions) {
    checkKey(key);
    octets += key.length + (equals?.length ?? 0);
    const lock = lockOf(key);
    if (!exclusive.has(lock)) shared.add(lock);
  }
  const alone = ranges.length > 0 || shared.size + exclusive.size > MAX_KEY_LOCKS;
  return { conditions: commit.conditions, ranges, deletes, puts, shared, exclusive, alone, octets };
}

export function checkKey(key: Key): void {
  if (key.length === 0 || key.length > MAX_KEY_BYTES) {
    throw new StoaError('invalid-argument', `a key has ${key.length} octets instead of 1 to ${MAX_KEY_BYTES}`);
  }
}

/** The end of a range may be longer than a key: the smallest that is above the longest one. */
export function checkBound(key: Key): void {
  if (key.length > MAX_KEY_BYTES + 1) throw new StoaError('invalid-argument', 'the end of a range is too long');
}
