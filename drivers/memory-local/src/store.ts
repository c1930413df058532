import {
  type CallOptions,
  MAX_MEMORY_KEY_BYTES,
  MAX_MEMORY_VALUE_BYTES,
  type MemoryKey,
  type MemorySetOptions,
  type MemoryStore,
  StoaError,
  throwIfCancelled,
} from '@stoa/plugin-sdk';
import type { Config } from './config.ts';
import { type Expiring, ExpiryQueue } from './expiry-queue.ts';

interface Entry extends Expiring {
  key: string;
  value: Uint8Array;
}

/** What an entry takes beside key and value: the objects, the place in the map and in the queue. */
const OVERHEAD_BYTES = 200;

const KEY = /^[\x21-\x7e]+$/;
const INTEGER = /^-?\d{1,16}$/;

/**
 * Keys in a map, ended keys dropped whenever another is set, and by a slow timer that keeps no process alive.
 * Nothing here waits, so every operation is atomic. `now` gives milliseconds that never go back.
 */
export class LocalMemoryStore implements MemoryStore {
  readonly #entries = new Map<string, Entry>();
  readonly #queue = new ExpiryQueue<Entry>();
  readonly #maxSize: number;
  readonly #now: () => number;
  readonly #sweeper: NodeJS.Timeout;
  #bytes = 0;
  #closed = false;

  constructor(config: Config, now: () => number = () => performance.now()) {
    this.#maxSize = config.maxSize;
    this.#now = now;
    this.#sweeper = setInterval(() => this.#dropEnded(), 10_000);
    this.#sweeper.unref();
  }

  async get(key: MemoryKey, options: CallOptions = {}): Promise<Uint8Array | undefined> {
    this.#enter(options, key);
    const entry = this.#live(key);
    return entry && new Uint8Array(entry.value);
  }

  async set(key: MemoryKey, value: Uint8Array, options: MemorySetOptions): Promise<void> {
    this.#enter(options, key);
    this.#store(key, value, options.ttlMs);
  }

  async add(key: MemoryKey, value: Uint8Array, options: MemorySetOptions): Promise<boolean> {
    this.#enter(options, key);
    if (this.#live(key) !== undefined) return false;
    this.#store(key, value, options.ttlMs);
    return true;
  }

  async compareAndSet(
    key: MemoryKey,
    expected: Uint8Array,
    value: Uint8Array,
    options: MemorySetOptions,
  ): Promise<boolean> {
    this.#enter(options, key);
    const entry = this.#live(key);
    if (entry === undefined || Buffer.compare(entry.value, expected) !== 0) return false;
    this.#store(key, value, options.ttlMs);
    return true;
  }

  async increment(key: MemoryKey, delta: number, options: MemorySetOptions): Promise<number> {
    this.#enter(options, key);
    const entry = this.#live(key);
    const text = entry === undefined ? '0' : Buffer.from(entry.value).toString('latin1');
    const sum = Number(text) + delta;
    if (!INTEGER.test(text) || !Number.isSafeInteger(sum)) {
      throw new StoaError('failed-precondition', 'the key holds no counter, or the counter is used up');
    }
    const value = Buffer.from(String(sum), 'latin1');
    if (entry === undefined) this.#store(key, value, options.ttlMs);
    else this.#replace(entry, value);
    return sum;
  }

  async delete(keys: readonly MemoryKey[], options: CallOptions = {}): Promise<void> {
    this.#enter(options, ...keys);
    for (const key of keys) this.#drop(this.#entries.get(key));
  }

  async deletePrefix(prefix: string, options: CallOptions = {}): Promise<void> {
    this.#enter(options);
    for (const [key, entry] of this.#entries) if (key.startsWith(prefix)) this.#drop(entry);
  }

  async check(): Promise<void> {
    this.#enter({});
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sweeper);
    for (const entry of [...this.#entries.values()]) this.#drop(entry);
  }

  #enter({ signal }: CallOptions, ...keys: MemoryKey[]): void {
    if (this.#closed) throw new StoaError('unavailable', 'the memory store is closed', { retryable: false });
    throwIfCancelled(signal);
    for (const key of keys) {
      if (key.length > MAX_MEMORY_KEY_BYTES || !KEY.test(key)) {
        throw new StoaError('invalid-argument', 'not a key of a memory store');
      }
    }
  }

  #live(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.expiresAt > this.#now()) return entry;
    this.#drop(entry);
    return undefined;
  }

  #store(key: string, value: Uint8Array, ttlMs: number): void {
    if (value.length > MAX_MEMORY_VALUE_BYTES) {
      throw new StoaError('too-large', `a value has more than ${MAX_MEMORY_VALUE_BYTES} octets`);
    }
    if (!(ttlMs >= 1)) throw new StoaError('invalid-argument', 'a time to live is at least a millisecond');
    this.#drop(this.#entries.get(key));
    this.#dropEnded();
    const entry: Entry = { key, value: new Uint8Array(value), expiresAt: this.#now() + ttlMs, slot: 0 };
    while (this.#bytes + cost(entry) > this.#maxSize && this.#entries.size > 0) this.#drop(this.#queue.peek());
    this.#entries.set(key, entry);
    this.#queue.add(entry);
    this.#bytes += cost(entry);
  }

  #replace(entry: Entry, value: Uint8Array): void {
    this.#bytes += value.length - entry.value.length;
    entry.value = value;
  }

  #dropEnded(): void {
    const now = this.#now();
    for (let first = this.#queue.peek(); first !== undefined && first.expiresAt <= now; first = this.#queue.peek()) {
      this.#drop(first);
    }
  }

  #drop(entry: Entry | undefined): void {
    if (entry === undefined) return;
    this.#entries.delete(entry.key);
    this.#queue.remove(entry);
    this.#bytes -= cost(entry);
  }
}

function cost(entry: Entry): number {
  return entry.key.length + entry.value.length + OVERHEAD_BYTES;
}
