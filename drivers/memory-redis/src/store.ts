import { type CallOptions, type MemorySetOptions, type MemoryStore, throwIfCancelled } from '@stoa/plugin-sdk';
import type { Config } from './config.ts';

interface Entry {
  value: Uint8Array;
  endsAt: number;
}

const stores = new Map<string, Map<string, Entry>>();

class RedisMemoryStore implements MemoryStore {
  readonly #entries: Map<string, Entry>;

  constructor(entries: Map<string, Entry>) {
    this.#entries = entries;
  }

  #live(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.endsAt > performance.now()) return entry;
    this.#entries.delete(key);
    return undefined;
  }

  #put(key: string, value: Uint8Array, ttlMs: number): void {
    this.#entries.set(key, { value: new Uint8Array(value), endsAt: performance.now() + ttlMs });
  }

  async get(key: string, { signal }: CallOptions = {}): Promise<Uint8Array | undefined> {
    throwIfCancelled(signal);
    const entry = this.#live(key);
    return entry && new Uint8Array(entry.value);
  }

  async set(key: string, value: Uint8Array, { ttlMs, signal }: MemorySetOptions): Promise<void> {
    throwIfCancelled(signal);
    this.#put(key, value, ttlMs);
  }

  async add(key: string, value: Uint8Array, { ttlMs, signal }: MemorySetOptions): Promise<boolean> {
    throwIfCancelled(signal);
    if (this.#live(key) !== undefined) return false;
    this.#put(key, value, ttlMs);
    return true;
  }

  async compareAndSet(key: string, expected: Uint8Array, value: Uint8Array, options: MemorySetOptions): Promise<boolean> {
    throwIfCancelled(options.signal);
    const entry = this.#live(key);
    if (entry === undefined || Buffer.compare(entry.value, expected) !== 0) return false;
    this.#put(key, value, options.ttlMs);
    return true;
  }

  async increment(key: string, delta: number, { ttlMs, signal }: MemorySetOptions): Promise<number> {
    throwIfCancelled(signal);
    const entry = this.#live(key);
    const sum = Number(Buffer.from(entry?.value ?? []).toString()) + delta;
    this.#entries.set(key, { value: Buffer.from(String(sum)), endsAt: entry?.endsAt ?? performance.now() + ttlMs });
    return sum;
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#entries.delete(key);
  }

  async check(): Promise<void> {}

  async close(): Promise<void> {}
}

export function openRedisMemoryStore({ name }: Config): MemoryStore {
  const entries = stores.get(name) ?? new Map<string, Entry>();
  stores.set(name, entries);
  return new RedisMemoryStore(entries);
}
