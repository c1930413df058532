import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync } from 'node:fs';
import { StoaError } from '@stoa/plugin-sdk';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { blobKey, parseBlobKey } from '../src/body/blob-key.ts';
import { blobService } from '../src/body/blob-service.ts';
import { receiveBody } from '../src/body/intake.ts';
import { MemoryBlobStore } from './support/memory-blob-store.ts';
import { MemoryDataStore } from './support/memory-data-store.ts';
import {
  append,
  call,
  deliverTo,
  deliveryOf,
  lengthStructure,
  newAccount,
  open,
  parts,
  sha256,
  testRouter,
} from './support/router.ts';

async function collect(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const router = () =>
  testRouter({ data: new MemoryDataStore(), blobs: new MemoryBlobStore(Date.now), maxBytes: 5000, memoryBytes: 1000 });

afterAll(() => rmSync(router().context.intake.spoolDirectory, { recursive: true, force: true }));

describe('receiveBody', () => {
  it('gives back what it was given, with its hash, in memory and in a file alike', async () => {
    const { intake } = router().context;
    const chunks = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(chunks, async (given) => {
        const whole = Buffer.concat(given);
        const body = await receiveBody(parts(...given), intake, whole.length);
        expect(Buffer.from(body.id)).toEqual(sha256(whole));
        expect(body.size).toBe(whole.length);
        expect(Buffer.from(body.structure).toString()).toBe(String(whole.length));
        const reads = await Promise.all([collect(body.content()), collect(body.content())]);
        expect(reads).toEqual([whole, whole]);
        await body.close();
        await body.close();
      }),
    );
  });

  it('leaves no file behind', async () => {
    const { intake } = router().context;
    const body = await receiveBody(parts(randomBytes(3000)), { ...intake, newStructure: lengthStructure });
    expect(readdirSync(intake.spoolDirectory)).toEqual([]);
    await body.close();
  });

  it('refuses what is too large, or of another size than announced', async () => {
    const { intake } = router().context;
    await expect(receiveBody(parts(randomBytes(5001)), intake)).rejects.toMatchObject({ code: 'too-large' });
    await expect(receiveBody(parts(randomBytes(1)), intake, 5001)).rejects.toMatchObject({ code: 'too-large' });
    for (const size of [2999, 3001]) {
      const body = receiveBody(parts(randomBytes(3000)), intake, size);
      await expect(body).rejects.toMatchObject({ code: 'invalid-argument' });
    }
  });
});

describe('a delivery', () => {
  it('stores one body for all recipients, and has a result for each of them', async () => {
    const blobs = new MemoryBlobStore(Date.now);
    const some = testRouter({ data: new MemoryDataStore(), blobs });
    const accounts = [await newAccount(some), await newAccount(some, 3), await newAccount(some)];
    const recipients = [
      ...accounts.map((accountId) => ({ accountId })),
      { accountId: accounts[0]!, mailbox: 'inbox' },
      { accountId: accounts[2]!, mailbox: 'Junk' },
      { accountId: accounts[2]!, mailbox: 'Nowhere' },
      { accountId: '00000000000000ff' },
      { address: 'x@elsewhere.test' },
    ];
    const { results } = await some.mail.deliver(deliveryOf(recipients, 'body'), call());
    expect(results!.map(({ errorCode, uid, retryable }) => errorCode || (uid ?? retryable))).toEqual([
      1,
      'over-quota',
      1,
      1,
      1,
      // There is no such mailbox, so that it goes to INBOX beside the one that was sent there.
      2,
      'not-found',
      'unavailable',
    ]);
    expect(blobs.blobs.size).toBe(1);
    expect((await open(some, accounts[0]!, 'INBOX')).snapshot.count).toBe(1);
  });

  it('needs its envelope first, and recipients', async () => {
    const { mail } = router();
    const data = parts({ part: { $case: 'data' as const, value: Buffer.from('x') } });
    await expect(mail.deliver(data, call())).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(mail.deliver(parts(), call())).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(mail.deliver(deliveryOf([], 'x'), call())).rejects.toMatchObject({ code: 'invalid-argument' });
  });

  it('links nothing when the body cannot be stored', async () => {
    const blobs = new MemoryBlobStore(Date.now);
    const some = testRouter({ data: new MemoryDataStore(), blobs });
    const accountId = await newAccount(some);
    blobs.put = async () => {
      throw new Error('disk');
    };
    await expect(deliverTo(some, accountId, 'x')).rejects.toThrow('disk');
    expect((await open(some, accountId, 'INBOX')).snapshot.count).toBe(0);
  });
});

describe('an append', () => {
  it('refuses early what cannot be done', async () => {
    const some = router();
    const accountId = await newAccount(some, 10);
    await expect(append(some, accountId, 'None', 'x')).rejects.toMatchObject({ code: 'not-found' });
    await expect(append(some, accountId, 'INBOX', 'x'.repeat(11))).rejects.toMatchObject({ code: 'over-quota' });
    await expect(append(some, accountId, 'INBOX', 'x', { size: 2 })).rejects.toMatchObject({
      code: 'invalid-argument',
    });
    await expect(append(some, accountId, 'INBOX', 'x', { flags: 64 })).rejects.toMatchObject({
      code: 'invalid-argument',
    });
    await expect(append(some, accountId, 'INBOX', 'x', { keywords: ['a b'] })).rejects.toMatchObject({
      code: 'invalid-argument',
    });
    const many = Array.from({ length: 57 }, (_, i) => `k${i}`);
    await expect(append(some, accountId, 'INBOX', 'x', { keywords: many })).rejects.toMatchObject({
      code: 'limit-exceeded',
    });
    await append(some, accountId, 'INBOX', 'x', { keywords: many.slice(1), internalDate: 1000 });
    expect((await open(some, accountId, 'INBOX')).state.keywords).toHaveLength(56);
  });
});

/** A store that reads what has at most 1,000 octets together. */
class SmallBlobStore extends MemoryBlobStore {
  calls = 0;

  constructor() {
    super(Date.now);
  }

  async getSmall(keys: readonly string[]): Promise<(Uint8Array | undefined)[]> {
    this.calls += 1;
    const contents: (Uint8Array | undefined)[] = [];
    for (const key of keys) {
      const size = (await this.head(key))?.size ?? Number.POSITIVE_INFINITY;
      contents.push(size > 1000 ? undefined : await collect(this.get(key)));
    }
    return contents;
  }
}

describe('BlobService', () => {
  it.each([false, true])(
    'reads ranges in order, and tells which of them cannot be read (together: %s)',
    async (together) => {
      const blobs = new SmallBlobStore();
      const bodies = ['hello', 'x'.repeat(200_000), ''];
      for (const body of bodies) await blobs.put(blobKey(sha256(body)), [Buffer.from(body)], { size: body.length });
      const ranges = [
        { blobId: sha256('hello'), start: 1, end: 3 },
        { blobId: sha256('missing'), start: 0, end: 0 },
        { blobId: sha256(bodies[1]!), start: 0, end: 0 },
        { blobId: Buffer.from('short'), start: 0, end: 0 },
        { blobId: sha256(''), start: 0, end: 0 },
      ];
      const read = ranges.map(() => ({ data: '', last: 0, errorCode: '' }));
      for await (const response of blobService(blobs).read({ ranges, together }, call())) {
        expect(together || response.pieces === undefined).toBe(true);
        for (const { index, data, last, errorCode } of response.pieces ?? [response]) {
          const range = read[index!]!;
          expect(range.last).toBe(0);
          range.data += Buffer.from(data as Uint8Array).toString();
          range.last += last ? 1 : 0;
          range.errorCode = errorCode ?? '';
        }
      }
      expect(read).toEqual([
        { data: 'el', last: 1, errorCode: '' },
        { data: '', last: 1, errorCode: 'not-found' },
        { data: bodies[1], last: 1, errorCode: '' },
        { data: '', last: 1, errorCode: 'invalid-argument' },
        { data: '', last: 1, errorCode: '' },
      ]);
      expect(await blobService(blobs).stat({ blobId: sha256('hello') }, call())).toEqual({ size: 5 });
      await expect(blobService(blobs).stat({ blobId: sha256('none') }, call())).rejects.toMatchObject({
        code: 'not-found',
      });
    },
  );

  it('reads many small bodies with few calls of the store, and few messages of the stream', async () => {
    const blobs = new SmallBlobStore();
    const bodies = Array.from({ length: 200 }, (_, i) => `body ${i}`);
    for (const body of bodies) await blobs.put(blobKey(sha256(body)), [Buffer.from(body)], { size: body.length });
    const ranges = bodies.map((body) => ({ blobId: sha256(body), start: 5, end: 0 }));
    const read: string[] = [];
    let responses = 0;
    for await (const { pieces } of blobService(blobs).read({ ranges, together: true }, call())) {
      responses += 1;
      for (const { data } of pieces ?? []) read.push(Buffer.from(data as Uint8Array).toString());
    }
    expect(read).toEqual(bodies.map((_, i) => String(i)));
    expect({ responses, calls: blobs.calls }).toEqual({ responses: 4, calls: 4 });
  });

  it('reads one by one where the store has no way to read together, or cannot do so now', async () => {
    const blobs = new SmallBlobStore();
    await blobs.put(blobKey(sha256('a')), [Buffer.from('a')], { size: 1 });
    const ranges = [{ blobId: sha256('a'), start: 0, end: 0 }];
    const whole = [{ index: 0, data: Buffer.from('a'), last: true }];
    const { getSmall } = blobs;
    for (const each of [undefined, () => Promise.reject(new StoaError('unavailable', 'not now'))]) {
      Object.assign(blobs, { getSmall: each });
      const read: unknown[] = [];
      for await (const response of blobService(blobs).read({ ranges, together: true }, call())) read.push(response);
      expect(read).toEqual(whole);
    }
    Object.assign(blobs, { getSmall });
  });

  it('has keys that lead back to the id', () => {
    const id = sha256('x');
    expect(Buffer.from(parseBlobKey(blobKey(id))!)).toEqual(id);
    for (const key of ['x', `${blobKey(id)}0`, `00/00/${id.toString('hex')}`])
      expect(parseBlobKey(key)).toBeUndefined();
  });
});
