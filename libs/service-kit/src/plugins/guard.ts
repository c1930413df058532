import {
  type BlobStore,
  type Bus,
  type DataStore,
  type DriverKind,
  MAX_BUS_PAYLOAD_BYTES,
  type MemoryStore,
  type SearchStore,
  StoaError,
} from '@stoa/plugin-sdk';
import { guardBlobStore } from './guard-blob.ts';
import { guardDataStore } from './guard-data.ts';
import { guardMemoryStore } from './guard-memory.ts';
import { DriverObserver } from './observe.ts';
import type { DriverOf } from './types.ts';

function guardSearchStore(store: SearchStore, observer: DriverObserver): SearchStore {
  return {
    index: (scope, documents, to, options) =>
      observer.call('index', () => store.index(scope, documents, to, options), { 'stoa.documents': documents.length }),
    remove: (scope, uids, options) => observer.call('remove', () => store.remove(scope, uids, options)),
    query: (scope, terms, options) =>
      observer.call('query', () => store.query(scope, terms, options), { 'stoa.terms': terms.length }),
    indexedToUid: (scope, options) => observer.call('indexed-to-uid', () => store.indexedToUid(scope, options)),
    check: () => store.check(),
    close: () => store.close(),
  };
}

function guardBus(bus: Bus, observer: DriverObserver): Bus {
  return {
    publish: (topic, payload, options) =>
      observer.call(
        'publish',
        async () => {
          if (payload.length > MAX_BUS_PAYLOAD_BYTES) {
            throw new StoaError('too-large', `a message on the bus has at most ${MAX_BUS_PAYLOAD_BYTES} octets`);
          }
          await bus.publish(topic, payload, options);
        },
        { 'stoa.size': payload.length },
      ),
    subscribe: (topic, listener, options) => observer.call('subscribe', () => bus.subscribe(topic, listener, options)),
    check: () => bus.check(),
    close: () => bus.close(),
  };
}

/** A driver as services see it: arguments checked, calls traced and measured, every failure a StoaError. */
export function guardDriver<K extends DriverKind>(kind: K, name: string, driver: DriverOf<K>): DriverOf<K> {
  const observer = new DriverObserver(kind, name);
  switch (kind) {
    case 'data':
      return guardDataStore(driver as DataStore, observer) as DriverOf<K>;
    case 'blob':
      return guardBlobStore(driver as BlobStore, observer) as DriverOf<K>;
    case 'memory':
      return guardMemoryStore(driver as MemoryStore, observer) as DriverOf<K>;
    case 'search':
      return guardSearchStore(driver as SearchStore, observer) as DriverOf<K>;
    default:
      return guardBus(driver as Bus, observer) as DriverOf<K>;
  }
}
