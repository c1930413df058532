export * from './guard.ts';
export * from './host.ts';
export * from './load.ts';
export * from './remote/index.ts';
export * from './resolve.ts';
export { type SharedStores, type ShareOptions, shareStores } from './shared-stores.ts';
export type * from './types.ts';
