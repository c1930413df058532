import type { CallOptions, Driver } from './call.ts';

/** Keys are 1 to 250 octets of printable ASCII without space; values at most 512 KiB. */
export type MemoryKey = string;

export const MAX_MEMORY_KEY_BYTES = 250;
export const MAX_MEMORY_VALUE_BYTES = 512 * 1024;

/** Time to live in milliseconds, at least 1. Every key has one. */
export interface MemorySetOptions extends CallOptions {
  ttlMs: number;
}

/**
 * Short-lived keys: counters, limits, caches. Each operation is atomic. Nothing here must survive: a key may be gone
 * before its time (restart, eviction), but never lives on after it (beyond a second).
 */
export interface MemoryStore extends Driver {
  get(key: MemoryKey, options?: CallOptions): Promise<Uint8Array | undefined>;
  set(key: MemoryKey, value: Uint8Array, options: MemorySetOptions): Promise<void>;
  /** Sets the key if it is absent; tells whether it did. */
  add(key: MemoryKey, value: Uint8Array, options: MemorySetOptions): Promise<boolean>;
  /** Sets the key if its value is `expected`; tells whether it did. */
  compareAndSet(key: MemoryKey, expected: Uint8Array, value: Uint8Array, options: MemorySetOptions): Promise<boolean>;
  /** Adds to a counter and returns its new value; an absent one starts at 0 and gets the time to live, which later calls do not prolong. */
  increment(key: MemoryKey, delta: number, options: MemorySetOptions): Promise<number>;
  delete(keys: readonly MemoryKey[], options?: CallOptions): Promise<void>;
  /** Only with the capability `deletePrefix`. */
  deletePrefix?(prefix: string, options?: CallOptions): Promise<void>;
}

export interface MemoryCapabilities {
  readonly shared: 'process' | 'host' | 'network';
  readonly deletePrefix: boolean;
}
