import { type BlobKey, type BlobStore, StoaError } from '@stoa/plugin-sdk';
import type { DriverObserver } from './observe.ts';

/** Levels of a key, none of them empty, `.` or `..`. */
const KEY = /^(?!\.\.?(?:\/|$))[0-9a-zA-Z_.-]+(?:\/(?!\.\.?(?:\/|$))[0-9a-zA-Z_.-]+)*$/;

function checkKey(key: BlobKey): void {
  if (key.length > 512 || !KEY.test(key)) {
    throw new StoaError(
      'invalid-argument',
      'the key of a blob has 1 to 512 characters of [0-9a-zA-Z/_.-], no empty level, and none that is "." or ".."',
    );
  }
}

function checkRange(start: number | undefined, end: number | undefined): void {
  for (const at of [start, end]) {
    if (at !== undefined && (!Number.isSafeInteger(at) || at < 0))
      throw new StoaError('invalid-argument', 'a range of a blob has whole numbers from 0 on');
  }
}

/** A blob store with its arguments checked and its calls observed. */
export function guardBlobStore(store: BlobStore, observer: DriverObserver): BlobStore {
  const guarded: BlobStore = {
    put(key, source, options) {
      return observer.call(
        'put',
        async () => {
          checkKey(key);
          if (!Number.isSafeInteger(options.size) || options.size < 0)
            throw new StoaError('invalid-argument', 'the size of a blob must be known');
          return store.put(key, source, options);
        },
        { 'stoa.size': options.size },
      );
    },
    get(key, options) {
      return observer.iterate('get', () => {
        checkKey(key);
        checkRange(options?.start, options?.end);
        return store.get(key, options);
      });
    },
    head(key, options) {
      return observer.call('head', async () => {
        checkKey(key);
        return store.head(key, options);
      });
    },
    delete(keys, options) {
      return observer.call('delete', async () => {
        for (const key of keys) checkKey(key);
        await store.delete(keys, options);
      });
    },
    list(options) {
      return observer.iterate('list', () => store.list(options));
    },
    check: () => store.check(),
    close: () => store.close(),
  };
  const { getSmall, join } = store;
  if (getSmall !== undefined)
    guarded.getSmall = (keys, options) =>
      observer.call(
        'get-small',
        async () => {
          for (const key of keys) checkKey(key);
          return getSmall.call(store, keys, options);
        },
        { 'stoa.keys': keys.length },
      );
  if (join !== undefined)
    // It does nothing by itself; the commit that it becomes part of is watched.
    guarded.join = (key, content) => {
      checkKey(key);
      return join.call(store, key, content);
    };
  return guarded;
}
