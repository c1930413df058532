export * as blobStore from './gen/stoa/plugin/v1/blob_store.ts';
export * as bus from './gen/stoa/plugin/v1/bus.ts';
export * as dataStore from './gen/stoa/plugin/v1/data_store.ts';
export * as memoryStore from './gen/stoa/plugin/v1/memory_store.ts';
export * as plugin from './gen/stoa/plugin/v1/plugin.ts';
export * as searchStore from './gen/stoa/plugin/v1/search_store.ts';
