import { type Implementation, storage } from '@stoa/contracts';
import type { MemoryStore } from '@stoa/plugin-sdk';

const Condition = storage.MemoryServiceSetRequest_Condition;

/** MemoryService over the memory driver. */
export function memoryService(store: MemoryStore): Implementation<typeof storage.MemoryServiceDefinition> {
  return {
    async get({ keys }, { signal }) {
      const values = await Promise.all(keys.map((key) => store.get(key, { signal })));
      return { values: values.map((value) => ({ found: value !== undefined, value: value ?? new Uint8Array() })) };
    },
    async set({ key, value, ttlMs, condition, expected }, { signal }) {
      const options = { ttlMs, signal };
      if (condition === Condition.CONDITION_ABSENT) return { stored: await store.add(key, value, options) };
      if (condition === Condition.CONDITION_EQUALS)
        return { stored: await store.compareAndSet(key, expected, value, options) };
      await store.set(key, value, options);
      return { stored: true };
    },
    async increment({ key, delta, ttlMs }, { signal }) {
      return { value: await store.increment(key, delta, { ttlMs, signal }) };
    },
    async delete({ keys }, { signal }) {
      await store.delete(keys, { signal });
      return {};
    },
  };
}
