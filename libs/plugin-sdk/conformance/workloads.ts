import type { BlobStore, DataStore, SearchStore } from '../src/index.ts';
import { incrementOnce } from './data-concurrency.ts';
import { bytes, pattern } from './suite.ts';

type Acknowledge = (line: string) => void;

export const WRITERS = 6;
export const INCREMENTS = 60;

/** The rows that the commit number `index` of a writer puts, beside the writer's counter. */
export function rowsOf(prefix: string, writer: number, index: number): [key: Uint8Array, value: Uint8Array][] {
  return Array.from({ length: 4 }, (_, part) => [
    bytes(`${prefix}/${writer}/row/${String(index).padStart(8, '0')}/${part}`),
    pattern(part === 3 ? 6000 : 40, writer * 1_000_003 + index * 7 + part),
  ]);
}

export function counterKey(prefix: string, writer: number): Uint8Array {
  return bytes(`${prefix}/${writer}/count`);
}

export function blobOf(prefix: string, writer: number, index: number): [key: string, content: Uint8Array] {
  const size = index % 5 === 4 ? 300_000 : (index * 997) % 9000;
  return [`${prefix}/${writer}-${index}`, pattern(size, writer * 1_000_003 + index)];
}

/** A word that only this message has. */
export function wordOf(uid: number): string {
  return `Word${uid.toString(36).toUpperCase()}x`;
}

async function data(store: DataStore, prefix: string, acknowledge: Acknowledge): Promise<void> {
  const writer = async (id: number) => {
    const counter = counterKey(prefix, id);
    for (let index = 0; ; index += 1) {
      await store.commit({
        conditions: [{ key: counter, equals: index === 0 ? undefined : bytes(String(index)) }],
        mutations: [
          { type: 'put', key: counter, value: bytes(String(index + 1)) },
          ...rowsOf(prefix, id, index).map(([key, value]) => ({ type: 'put' as const, key, value })),
        ],
      });
      acknowledge(`${id} ${index}`);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, id) => writer(id)));
}

async function increment(store: DataStore, prefix: string, acknowledge: Acknowledge): Promise<void> {
  for (let round = 0; round < INCREMENTS; round += 1) {
    await incrementOnce(store, bytes(prefix));
    acknowledge(String(round));
  }
}

async function blob(store: BlobStore, prefix: string, acknowledge: Acknowledge): Promise<void> {
  const writer = async (id: number) => {
    for (let index = 0; ; index += 1) {
      const [key, content] = blobOf(prefix, id, index);
      const half = content.length >> 1;
      await store.put(key, [content.subarray(0, half), content.subarray(half)], { size: content.length });
      acknowledge(`${id} ${index}`);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, (_, id) => writer(id)));
}

async function createBlobs(store: BlobStore, prefix: string, acknowledge: Acknowledge): Promise<void> {
  for (let index = 0; index < INCREMENTS; index += 1) {
    const [key, content] = blobOf(prefix, 0, index);
    const { created } = await store.put(key, [content], { size: content.length });
    if (created) {
      const [mark, none] = [`${prefix}-created/${index}/${process.pid}`, new Uint8Array(0)];
      await store.put(mark, [none], { size: 0 });
    }
    acknowledge(String(index));
  }
}

async function search(store: SearchStore, prefix: string, acknowledge: Acknowledge): Promise<void> {
  const scope = { accountId: prefix, mailboxId: 1 };
  for (let uid = 1; ; uid += 3) {
    const documents = [uid, uid + 1, uid + 2].map((each) => ({ uid: each, fields: { body: wordOf(each) } }));
    await store.index(scope, documents, uid + 2);
    acknowledge(String(uid + 2));
  }
}

export const workloads = { data, increment, blob, createBlobs, search };

export type WorkloadName = keyof typeof workloads;
