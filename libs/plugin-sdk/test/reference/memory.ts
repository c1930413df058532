import {
  type CallOptions,
  defineDriver,
  type MemorySetOptions,
  type MemoryStore,
  throwIfCancelled,
} from '../../src/index.ts';
import { anyObject, pause } from './schema.ts';

export type MemoryDefect = 'none' | 'counters are not atomic' | 'keys never end';

class MapMemoryStore implements MemoryStore {
  readonly #entries = new Map<string, { value: Uint8Array; endsAt: number }>();
  readonly #defect: MemoryDefect;

  constructor(defect: MemoryDefect) {
    this.#defect = defect;
  }

  #live(key: string): { value: Uint8Array; endsAt: number } | undefined {
    const entry = this.#entries.get(key);
    if (entry !== undefined && this.#defect !== 'keys never end' && entry.endsAt <= performance.now()) return undefined;
    return entry;
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

  async compareAndSet(
    key: string,
    expected: Uint8Array,
    value: Uint8Array,
    options: MemorySetOptions,
  ): Promise<boolean> {
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
    if (this.#defect === 'counters are not atomic') await pause();
    const endsAt = entry?.endsAt ?? performance.now() + ttlMs;
    this.#entries.set(key, { value: Buffer.from(String(sum)), endsAt });
    return sum;
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#entries.delete(key);
  }

  async check(): Promise<void> {}

  async close(): Promise<void> {}
}

export function memoryFactory(defect: MemoryDefect) {
  return defineDriver({
    name: 'reference',
    kind: 'memory',
    sdk: '^1.0.0',
    configSchema: anyObject,
    capabilities: { shared: 'process', deletePrefix: false },
    create: async () => new MapMemoryStore(defect),
  });
}
