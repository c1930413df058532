import {
  type DataCommit,
  type DataStore,
  type Key,
  type KeyRange,
  MAX_KEY_BYTES,
  MAX_VALUE_BYTES,
  StoaError,
} from '@stoa/plugin-sdk';
import type { DriverObserver } from './observe.ts';

function checkKey(key: Key): void {
  if (key.length === 0 || key.length > MAX_KEY_BYTES) {
    throw new StoaError('invalid-argument', `a key has 1 to ${MAX_KEY_BYTES} octets, not ${key.length}`);
  }
}

/** Range ends may be one octet longer than a key: the end of a prefix of full length. */
function checkRange(range: KeyRange): void {
  for (const key of [range.start, range.end]) {
    if (key.length > MAX_KEY_BYTES + 1) throw new StoaError('invalid-argument', 'the end of a range is too long');
  }
}

function checkCommit(commit: DataCommit): void {
  for (const { key } of commit.conditions) checkKey(key);
  for (const mutation of commit.mutations) {
    if (mutation.type === 'delete-range') {
      checkRange(mutation.range);
      continue;
    }
    checkKey(mutation.key);
    if (mutation.type === 'put' && mutation.value.length > MAX_VALUE_BYTES) {
      throw new StoaError('too-large', `a value has at most ${MAX_VALUE_BYTES} octets, not ${mutation.value.length}`);
    }
  }
}

/** A data store with its arguments checked and its calls observed, so that drivers get clean input. */
export function guardDataStore(store: DataStore, observer: DriverObserver): DataStore {
  return {
    get(keys, options) {
      return observer.call(
        'get',
        async () => {
          for (const key of keys) checkKey(key);
          return store.get(keys, options);
        },
        { 'stoa.keys': keys.length },
      );
    },
    scan(range, options) {
      return observer.iterate('scan', () => {
        checkRange(range);
        return store.scan(range, options);
      });
    },
    commit(commit, options) {
      return observer.call(
        'commit',
        async () => {
          checkCommit(commit);
          await store.commit(commit, options);
        },
        { 'stoa.conditions': commit.conditions.length, 'stoa.mutations': commit.mutations.length },
      );
    },
    check: () => store.check(),
    close: () => store.close(),
  };
}
