import type { Client, storage } from '@stoa/contracts';
import { describe, expect, it } from 'vitest';
import { BodyReader } from './body-reader.ts';

type Blobs = Client<typeof storage.BlobServiceDefinition>;

const piece = (index: number, text: string, last = true): storage.BlobPiece => ({
  index,
  data: Buffer.from(text),
  last,
  errorCode: '',
});

/** Messages of a stream, and how it was ended. */
function streamOf(...messages: storage.BlobPiece[][]) {
  const ends: string[] = [];
  const left = messages.map((pieces) => ({ index: 0, data: new Uint8Array(), last: false, errorCode: '', pieces }));
  const stream: AsyncIterableIterator<storage.ReadResponse> = {
    [Symbol.asyncIterator]: () => stream,
    async next() {
      const value = left.shift();
      if (value !== undefined) return { done: false, value };
      ends.push('end');
      return { done: true, value: undefined };
    },
    async return() {
      ends.push('broken off');
      return { done: true, value: undefined };
    },
  };
  const ranges = [0, 1].map(() => ({ blobId: new Uint8Array(32), start: 0, end: 10 }));
  const reader = new BodyReader({ read: () => stream } as unknown as Blobs, ranges, new AbortController().signal);
  return { reader, ends };
}

describe('the stream of bodies', () => {
  it('is not broken off when all of it was read', async () => {
    const { reader, ends } = streamOf([piece(0, 'one'), piece(1, 'tw', false)], [piece(1, 'o')]);
    const bodies = [await reader.readAll(), await reader.readAll()].map((octets) => Buffer.from(octets).toString());
    expect(bodies).toEqual(['one', 'two']);
    await reader.close();
    expect(ends).toEqual(['end']);
  });

  it('is broken off when some of it was not', async () => {
    const { reader, ends } = streamOf([piece(0, 'one')], [piece(1, 'two')]);
    await reader.readAll();
    await reader.close();
    expect(ends).toEqual(['broken off']);
  });
});
