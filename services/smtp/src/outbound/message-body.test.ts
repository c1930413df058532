import { describe, expect, it } from 'vitest';
import { fakeBlobs } from '../../test/outbound/fake-stores.ts';
import { MessageBody } from './message-body.ts';
import { DeliveryFailure } from './result.ts';

function bodyOf(text: string, chunk = 1000): MessageBody {
  const bytes = Buffer.from(text);
  return new MessageBody(
    fakeBlobs(() => bytes, chunk),
    { blobId: Buffer.alloc(32), size: bytes.length },
    {
      timeoutMs: 1000,
      signal: new AbortController().signal,
    },
  );
}

async function read(body: MessageBody): Promise<{ text: string; size: number }> {
  const { chunks, size, close } = await body.open();
  const pieces: Buffer[] = [];
  for await (const chunk of chunks) pieces.push(chunk);
  await close();
  return { text: Buffer.concat(pieces).toString(), size };
}

const REST = 'Subject: x\r\n\r\nbody\r\n';

describe('MessageBody', () => {
  it.each([
    ['Return-Path: <a@b.test>\r\n', REST],
    ['RETURN-path:\r\n <a@b.test>\r\n\t(x)\r\n', REST],
    ['Return-Path: <>\n', REST],
    ['', REST],
    ['', `Return-Pat: x\r\n${REST}`],
    ['', `Return-Path: ${'x'.repeat(9_000)}\r\n${REST}`],
    ['', 'Ret'],
    ['', 'Return-Path: without an end'],
  ])('leaves out %j in any chunks', async (field, rest) => {
    for (const chunk of [rest.length > 1000 ? 100 : 1, 100_000]) {
      expect(await read(bodyOf(field + rest, chunk))).toEqual({ text: rest, size: rest.length });
    }
  });

  it('gives the beginning, and all as it is stored', async () => {
    const body = bodyOf(`Return-Path: <>\r\n${REST}`);
    expect((await body.beginning(26)).toString()).toBe('Subject: ');
    const pieces: Buffer[] = [];
    for await (const chunk of body.stored()) pieces.push(chunk);
    expect(Buffer.concat(pieces).toString()).toBe(`Return-Path: <>\r\n${REST}`);
  });

  it('knows octets beyond ASCII, in the header and anywhere', async () => {
    for (const chunk of [1, 3, 1000]) {
      expect(await bodyOf('Subject: ü\r\n\r\nx', chunk).hasEightBit(true)).toBe(true);
      expect(await bodyOf('Subject: u\r\n\r\nü', chunk).hasEightBit(true)).toBe(false);
      expect(await bodyOf('Subject: u\r\n\r\nü', chunk).hasEightBit(false)).toBe(true);
      expect(await bodyOf(REST, chunk).hasEightBit(false)).toBe(false);
    }
  });

  it('that is gone, or ends too early, is a failure that may pass', async () => {
    const options = { timeoutMs: 1000, signal: new AbortController().signal };
    const entry = { blobId: Buffer.alloc(32), size: 10 };
    const gone = async function* () {
      yield { index: 0, data: Buffer.alloc(0), last: true, errorCode: 'not-found' };
    };
    const short = async function* () {
      yield { index: 0, data: Buffer.from('Subject'), last: false, errorCode: '' };
    };
    for (const broken of [gone, short]) {
      const body = new MessageBody({ read: broken } as never, entry, options);
      const failure = await read(body).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(DeliveryFailure);
      expect(failure).toMatchObject({ permanent: false, status: '4.3.0' });
    }
  });
});
