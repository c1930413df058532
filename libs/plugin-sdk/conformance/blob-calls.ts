import type { BlobStore } from '../src/index.ts';
import { collect } from './suite.ts';

export async function readBlob(store: BlobStore, key: string, start?: number, end?: number): Promise<Uint8Array> {
  return Buffer.concat(await collect(store.get(key, { start, end })));
}

export async function putBlob(store: BlobStore, key: string, content: Uint8Array): Promise<boolean> {
  return (await store.put(key, [content], { size: content.length })).created;
}
