import { type Implementation, plugin, type ServiceDefinition } from '@stoa/contracts';
import {
  type BlobStore,
  type Bus,
  type DataMutation,
  type DataStore,
  type DriverKind,
  type MemoryStore,
  type SearchField,
  type SearchScope,
  type SearchStore,
  StoaError,
} from '@stoa/plugin-sdk';
import type { DriverOf } from '../types.ts';
import { MessageQueue } from './message-queue.ts';
import { pieces } from './pieces.ts';

type Served<D extends ServiceDefinition> = [definition: D, implementation: Implementation<D>];

/** The contract of a kind of driver over a driver; `get` throws while there is none. */
export function serveStore(
  kind: DriverKind,
  get: () => DriverOf<DriverKind>,
): [ServiceDefinition, Implementation<ServiceDefinition>] {
  const served = (() => {
    switch (kind) {
      case 'data':
        return serveData(get as () => DataStore);
      case 'blob':
        return serveBlob(get as () => BlobStore);
      case 'memory':
        return serveMemory(get as () => MemoryStore);
      case 'search':
        return serveSearch(get as () => SearchStore);
      case 'bus':
        return serveBus(get as () => Bus);
    }
  })();
  return served as unknown as [ServiceDefinition, Implementation<ServiceDefinition>];
}

type WireMutation = plugin.dataStore.DataMutation;

function mutationOf({ kind }: WireMutation): DataMutation {
  switch (kind?.$case) {
    case 'put':
      return { type: 'put', key: kind.value.key, value: kind.value.value };
    case 'delete':
      return { type: 'delete', key: kind.value };
    case 'deleteRange':
      return { type: 'delete-range', range: kind.value };
    default:
      throw new StoaError('invalid-argument', 'a mutation of an unknown kind');
  }
}

/** Beyond every key, for ranges without an end. */
const END = new Uint8Array(1025).fill(0xff);

function serveData(store: () => DataStore): Served<typeof plugin.dataStore.DataStoreServiceDefinition> {
  return [
    plugin.dataStore.DataStoreServiceDefinition,
    {
      async get({ keys }, { signal }) {
        const values = await store().get(keys, { signal });
        return { values: values.map((value) => (value === undefined ? {} : { found: true, value })) };
      },
      async *scan({ start, end, limit, reverse, keysOnly }, { signal }) {
        const range = { start, end: end.length === 0 ? END : end };
        const options = { reverse, keysOnly, signal, ...(limit === 0 ? {} : { limit }) };
        for await (const entries of store().scan(range, options)) yield { entries };
      },
      async commit({ conditions, mutations }, { signal }) {
        const checked = conditions.map(({ key, equals }) => ({ key, equals }));
        await store().commit({ conditions: checked, mutations: mutations.map(mutationOf) }, { signal });
        return {};
      },
    },
  ];
}

function serveBlob(store: () => BlobStore): Served<typeof plugin.blobStore.BlobStoreServiceDefinition> {
  return [
    plugin.blobStore.BlobStoreServiceDefinition,
    {
      async put(requests, { signal }) {
        const parts = requests[Symbol.asyncIterator]();
        const first = await parts.next();
        const head = first.done === true ? undefined : first.value.part;
        if (head?.$case !== 'head') throw new StoaError('invalid-argument', 'a put begins with its head');
        return store().put(head.value.key, dataOf(parts), { size: head.value.size, signal });
      },
      async *get({ key, start, end }, { signal }) {
        for await (const chunk of store().get(key, { start, signal, ...(end === 0 ? {} : { end }) })) {
          for (const data of pieces(chunk)) yield { data };
        }
      },
      async head({ key }, { signal }) {
        const info = await store().head(key, { signal });
        return info === undefined ? {} : { found: true, size: info.size, modifiedAt: info.modifiedAt };
      },
      async delete({ keys }, { signal }) {
        await store().delete(keys, { signal });
        return {};
      },
      async *list({ prefix, after }, { signal }) {
        const options = { signal, ...(prefix === '' ? {} : { prefix }), ...(after === '' ? {} : { after }) };
        for await (const blobs of store().list(options)) yield { blobs };
      },
    },
  ];
}

async function* dataOf(parts: AsyncIterator<plugin.blobStore.BlobStoreServicePutRequest>) {
  for (let step = await parts.next(); step.done !== true; step = await parts.next()) {
    if (step.value.part?.$case === 'data') yield step.value.part.value;
  }
}

function serveMemory(store: () => MemoryStore): Served<typeof plugin.memoryStore.MemoryStoreServiceDefinition> {
  return [
    plugin.memoryStore.MemoryStoreServiceDefinition,
    {
      async get({ key }, { signal }) {
        const value = await store().get(key, { signal });
        return value === undefined ? {} : { found: true, value };
      },
      async set({ key, value, ttlMs }, { signal }) {
        await store().set(key, value, { ttlMs, signal });
        return {};
      },
      add: async ({ key, value, ttlMs }, { signal }) => ({ added: await store().add(key, value, { ttlMs, signal }) }),
      compareAndSet: async ({ key, expected, value, ttlMs }, { signal }) => ({
        swapped: await store().compareAndSet(key, expected, value, { ttlMs, signal }),
      }),
      increment: async ({ key, delta, ttlMs }, { signal }) => ({
        value: await store().increment(key, delta, { ttlMs, signal }),
      }),
      async delete({ keys }, { signal }) {
        await store().delete(keys, { signal });
        return {};
      },
      async deletePrefix({ prefix }, { signal }) {
        const found = store();
        if (found.deletePrefix === undefined)
          throw new StoaError('unimplemented', 'this store cannot delete by prefix');
        await found.deletePrefix(prefix, { signal });
        return {};
      },
    },
  ];
}

function scopeOf(scope: SearchScope | undefined): SearchScope {
  if (scope === undefined) throw new StoaError('invalid-argument', 'a scope is needed');
  return scope;
}

function serveSearch(store: () => SearchStore): Served<typeof plugin.searchStore.SearchStoreServiceDefinition> {
  return [
    plugin.searchStore.SearchStoreServiceDefinition,
    {
      async index({ scope, documents, indexedToUid }, { signal }) {
        await store().index(scopeOf(scope), documents, indexedToUid, { signal });
        return {};
      },
      async remove({ accountId, mailboxId, uids }, { signal }) {
        await store().remove({ accountId, mailboxId }, uids.length === 0 ? undefined : uids, { signal });
        return {};
      },
      async query({ scope, terms }, { signal }) {
        const wanted = terms.map(({ fields, text }) => ({ fields: fields as SearchField[], text }));
        const matches = await store().query(scopeOf(scope), wanted, { signal });
        return { matches: matches.map(({ uids, narrowed }) => ({ uids: [...uids], narrowed })) };
      },
      progress: async ({ scope }, { signal }) => ({
        indexedToUid: await store().indexedToUid(scopeOf(scope), { signal }),
      }),
    },
  ];
}

function serveBus(bus: () => Bus): Served<typeof plugin.bus.BusServiceDefinition> {
  return [
    plugin.bus.BusServiceDefinition,
    {
      async publish({ topic, payload }, { signal }) {
        await bus().publish(topic, payload, { signal });
        return {};
      },
      async *subscribe({ topic }, { signal }) {
        const queue = new MessageQueue(signal);
        const subscription = await bus().subscribe(topic, queue, { signal });
        try {
          for await (const item of queue) yield { item };
        } finally {
          await subscription.close();
        }
      },
    },
  ];
}
