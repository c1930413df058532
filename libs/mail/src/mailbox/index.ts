export { IndexChunk } from './chunk.ts';
export * from './chunk-edit.ts';
export * from './chunk-format.ts';
export * from './flags.ts';
export * from './snapshot.ts';
export * from './snapshot-delta.ts';
export * from './snapshot-hold.ts';
export * from './uid-set.ts';
