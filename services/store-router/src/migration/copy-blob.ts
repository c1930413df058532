import { createHash } from 'node:crypto';
import { type BlobKey, hasCode, StoaError } from '@stoa/plugin-sdk';
import { parseBlobKey } from '../body/blob-key.ts';
import type { MailStores } from './stores.ts';

/**
 * Copies a blob, unless it is there; its content is checked against its name on the way. Resolves to false when the source
 * does not have it (any more). Rejects with `data-loss` when the content is not what the name says.
 */
export async function copyBlob(
  from: MailStores,
  to: MailStores,
  key: BlobKey,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const info = await from.blobs.head(key, { signal });
  if (info === undefined) return false;
  const there = await to.blobs.head(key, { signal });
  if (there?.size === info.size) return true;
  const checked = checkedContent(key, from.blobs.get(key, { size: info.size, signal }));
  try {
    await to.blobs.put(key, checked, { size: info.size, signal });
    return true;
  } catch (error) {
    if (hasCode(error, 'not-found')) return false;
    throw error;
  }
}

async function* checkedContent(key: BlobKey, content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const expected = parseBlobKey(key);
  const digest = createHash('sha256');
  let held: Uint8Array | undefined;
  for await (const chunk of content) {
    if (held !== undefined) yield held;
    digest.update(chunk);
    held = chunk;
  }
  // The last chunk is held back until the whole is known to be right: what is wrong is never stored.
  if (expected !== undefined && !digest.digest().equals(expected)) {
    throw new StoaError('data-loss', `the blob ${key} has another content than its name says`);
  }
  if (held !== undefined) yield held;
}
