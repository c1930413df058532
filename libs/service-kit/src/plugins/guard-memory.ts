import {
  MAX_MEMORY_KEY_BYTES,
  MAX_MEMORY_VALUE_BYTES,
  type MemorySetOptions,
  type MemoryStore,
  StoaError,
} from '@stoa/plugin-sdk';
import type { DriverObserver } from './observe.ts';

function checkKey(key: string): void {
  if (key.length < 1 || key.length > MAX_MEMORY_KEY_BYTES || !/^[\x21-\x7e]+$/.test(key)) {
    throw new StoaError(
      'invalid-argument',
      `a key of the memory store has 1 to ${MAX_MEMORY_KEY_BYTES} printable ASCII characters`,
    );
  }
}

function checkSet(key: string, value: Uint8Array | undefined, options: MemorySetOptions): void {
  checkKey(key);
  if (value !== undefined && value.length > MAX_MEMORY_VALUE_BYTES) {
    throw new StoaError('too-large', `a value of the memory store has at most ${MAX_MEMORY_VALUE_BYTES} octets`);
  }
  if (!Number.isSafeInteger(options.ttlMs) || options.ttlMs < 1) {
    throw new StoaError('invalid-argument', 'a key of the memory store needs a time to live of at least 1 ms');
  }
}

/** A memory store with its arguments checked and its calls observed. */
export function guardMemoryStore(store: MemoryStore, observer: DriverObserver): MemoryStore {
  const guarded: MemoryStore = {
    get: (key, options) =>
      observer.call('get', async () => {
        checkKey(key);
        return store.get(key, options);
      }),
    set: (key, value, options) =>
      observer.call('set', async () => {
        checkSet(key, value, options);
        await store.set(key, value, options);
      }),
    add: (key, value, options) =>
      observer.call('add', async () => {
        checkSet(key, value, options);
        return store.add(key, value, options);
      }),
    compareAndSet: (key, expected, value, options) =>
      observer.call('compare-and-set', async () => {
        checkSet(key, value, options);
        return store.compareAndSet(key, expected, value, options);
      }),
    increment: (key, delta, options) =>
      observer.call('increment', async () => {
        checkSet(key, undefined, options);
        if (!Number.isSafeInteger(delta)) throw new StoaError('invalid-argument', 'a counter grows by whole numbers');
        return store.increment(key, delta, options);
      }),
    delete: (keys, options) =>
      observer.call('delete', async () => {
        for (const key of keys) checkKey(key);
        await store.delete(keys, options);
      }),
    check: () => store.check(),
    close: () => store.close(),
  };
  if (store.deletePrefix === undefined) return guarded;
  return {
    ...guarded,
    deletePrefix: (prefix, options) =>
      observer.call('delete-prefix', async () => {
        checkKey(prefix);
        await store.deletePrefix?.(prefix, options);
      }),
  };
}
