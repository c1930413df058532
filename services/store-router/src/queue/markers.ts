import type { DataCondition, DataMutation, DataStore } from '@stoa/plugin-sdk';
import { BinaryReader, BinaryWriter } from '../account/binary.ts';
import { queuedKey, queuedKeys } from '../keys-queue.ts';
import { scanPages } from '../scan-pages.ts';

const VERSION = 1;
/** For how long a repeated idempotency key is recognised. */
const MARKER_MS = 24 * 3_600_000;

/** What a commit needs so that a message is queued once under its key. */
export function markQueued(
  idempotencyKey: string,
  queueId: string,
  now: number,
): { condition: DataCondition; mutation: DataMutation } {
  const key = queuedKey(idempotencyKey);
  const value = new BinaryWriter().number(VERSION).number(now).string(queueId).finish();
  return { condition: { key, equals: undefined }, mutation: { type: 'put', key, value } };
}

export function decodeMarker(bytes: Uint8Array): { at: number; queueId: string } {
  const reader = new BinaryReader(bytes, 'queue marker');
  reader.version(VERSION);
  const at = reader.number();
  return { at, queueId: reader.string() };
}

export interface PurgeMarkersOptions {
  now(): number;
  /** Conditions that hold while the caller's lease does; part of every commit. */
  fence?(): Promise<readonly DataCondition[]>;
  signal?: AbortSignal | undefined;
}

/** Forgets the keys that nobody repeats any more. Returns how many. */
export async function purgeMarkers(store: DataStore, options: PurgeMarkersOptions): Promise<number> {
  let removed = 0;
  for await (const page of scanPages(store, queuedKeys(), { signal: options.signal })) {
    const expired = page.filter(({ value }) => decodeMarker(value).at < options.now() - MARKER_MS);
    if (expired.length === 0) continue;
    const conditions = (await options.fence?.()) ?? [];
    await store.commit({ conditions, mutations: expired.map(({ key }) => ({ type: 'delete', key }) as const) });
    removed += expired.length;
  }
  return removed;
}
