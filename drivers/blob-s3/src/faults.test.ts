import { createHash } from 'node:crypto';
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import { type BlobStore, hasCode } from '@stoa/plugin-sdk';
import { type S3Server, startS3, until } from '@stoa/test-servers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { collect, configFor, octetsOf, open, plainClient, readAll } from '../test/open.ts';
import { type Behaviour, type Fault, type ProxiedRequest, type S3Proxy, startS3Proxy } from '../test/s3-proxy.ts';

const MIB = 1024 * 1024;
const LARGE = 20 * MIB;

vi.setConfig({ testTimeout: 120_000 });

let server: S3Server;
let proxy: S3Proxy;
let config: Record<string, unknown>;
let store: BlobStore;

beforeAll(async () => {
  server = await startS3();
  proxy = await startS3Proxy(server);
});
afterAll(async () => {
  await proxy?.stop();
  await server?.stop();
});

beforeEach(async () => {
  config = configFor(server, {
    endpoint: proxy.endpoint,
    'request-timeout': '500ms',
    'retry-deadline': '1m',
    retries: 100,
    'part-size': '5 MiB',
  });
  store = await open(config);
});
afterEach(async () => {
  proxy.behave();
  await store.close();
});

const put = (key: string, content: Buffer) => store.put(key, [content], { size: content.length });
const hash = (content: Buffer) => createHash('sha256').update(content).digest('hex');
const isPut = ({ method, url }: ProxiedRequest) => method === 'PUT' && !url.includes('partNumber');
const isPart = ({ method, url }: ProxiedRequest) => method === 'PUT' && url.includes('partNumber');
const isComplete = ({ method, url }: ProxiedRequest) => method === 'POST' && url.includes('uploadId');
const slowDown: Fault = { type: 'answer', status: 503, code: 'SlowDown' };

/** The fault for the first requests that match, then nothing. */
function firstOf(count: number, matches: (request: ProxiedRequest) => boolean, fault: Fault): Behaviour {
  let left = count;
  return (request) => {
    if (left === 0 || !matches(request)) return undefined;
    left -= 1;
    return fault;
  };
}

async function unfinishedUploads(): Promise<number> {
  const client = plainClient(server);
  const { Uploads = [] } = await client.send(
    new ListMultipartUploadsCommand({ Bucket: server.bucket, Prefix: String(config['prefix']) }),
  );
  client.destroy();
  return Uploads.length;
}

describe('a server that fails for a while', () => {
  const faults: Record<string, Fault> = {
    'answers 503 SlowDown': slowDown,
    'answers 500': { type: 'answer', status: 500, code: 'InternalError' },
    'answers 502 in HTML': { type: 'answer', status: 502, body: '<html>Bad gateway</html>' },
    hangs: { type: 'hang' },
    'cuts connections': { type: 'cut' },
    'loses answers': { type: 'lose-answer' },
  };

  it.each(Object.entries(faults))('%s: the calls of that time succeed once it is well', async (_, fault) => {
    proxy.behave(() => fault);
    const before = proxy.counts.requests;
    const puts = Array.from({ length: 50 }, (_, index) => put(`small/${index}`, octetsOf(4096, index)));
    const large = put('large', octetsOf(LARGE, 7));
    await until('all have been tried', () => proxy.counts.requests - before > 60);
    proxy.behave();
    expect(new Set((await Promise.all(puts)).map(({ created }) => created))).toEqual(new Set([true]));
    expect(await large).toEqual({ created: true });
    for (let index = 0; index < 50; index += 1) {
      expect(hash(await readAll(store.get(`small/${index}`)))).toBe(hash(octetsOf(4096, index)));
    }
    expect(hash(await readAll(store.get('large')))).toBe(hash(octetsOf(LARGE, 7)));
  });

  it('does not answer until the deadline: every call rejects with unavailable, and the next after it succeeds', async () => {
    await store.close();
    store = await open({ ...config, 'retry-deadline': '1s', 'request-timeout': '200ms' });
    await put('there', octetsOf(10, 1));
    for (const fault of [slowDown, { type: 'hang' }, { type: 'cut' }] as const) {
      proxy.behave(() => fault);
      const calls = [
        put('new', octetsOf(10, 2)),
        put('large', octetsOf(LARGE, 3)),
        readAll(store.get('there')),
        store.head('there'),
        store.delete(['there']),
        store.delete(['there', 'too']),
        collect(store.list()),
      ];
      for (const { reason } of (await Promise.allSettled(calls)) as PromiseRejectedResult[]) {
        expect(reason).toMatchObject({ code: 'unavailable', retryable: true });
      }
      await until('check notices', () =>
        store.check().then(
          () => false,
          (error) => hasCode(error, 'unavailable'),
        ),
      );
      proxy.behave();
      await store.check();
      expect(await readAll(store.get('there'))).toEqual(octetsOf(10, 1));
    }
    expect(await store.head('new')).toBeUndefined();
  });

  it('is killed and started again: nothing acknowledged is lost', async () => {
    const acknowledged: number[] = [];
    let stop = false;
    const writer = async (id: number) => {
      for (let index = id; !stop; index += 8) {
        await put(`w/${index}`, octetsOf(2000, index));
        acknowledged.push(index);
      }
    };
    const writers = Array.from({ length: 8 }, (_, id) => writer(id));
    await until('some are there', () => acknowledged.length > 50);
    await server.kill();
    await server.restart();
    const before = acknowledged.length;
    await until('more are there', () => acknowledged.length > before + 50);
    stop = true;
    await Promise.all(writers);
    for (const index of acknowledged) {
      expect(hash(await readAll(store.get(`w/${index}`)))).toBe(hash(octetsOf(2000, index)));
    }
  });
});

describe('an answer that is lost', () => {
  it('of PutObject: the one that stored the blob says so, nobody else', async () => {
    for (let round = 0; round < 5; round += 1) {
      proxy.behave(firstOf(2, isPut, { type: 'lose-answer' }));
      const created = await Promise.all(
        Array.from({ length: 6 }, (_, index) => put(`race-${round}`, octetsOf(100, index))),
      );
      const winners = created.flatMap((each, index) => (each.created ? [index] : []));
      expect(winners).toHaveLength(1);
      expect(await readAll(store.get(`race-${round}`))).toEqual(octetsOf(100, winners[0] as number));
    }
  });

  it('of CompleteMultipartUpload: the blob is there and was created', async () => {
    proxy.behave(firstOf(1, isComplete, { type: 'lose-answer' }));
    expect(await put('large', octetsOf(LARGE, 1))).toEqual({ created: true });
    expect(await put('large', octetsOf(LARGE, 1))).toEqual({ created: false });
  });
});

describe('a multipart upload', () => {
  it('leaves no parts behind when the source fails, is too short, or the call is cancelled', async () => {
    const failing = async function* () {
      yield octetsOf(12 * MIB, 1);
      throw new Error('the source failed');
    };
    await expect(store.put('a', failing(), { size: LARGE })).rejects.toThrow('the source failed');
    await expect(store.put('b', [octetsOf(12 * MIB, 1)], { size: LARGE })).rejects.toMatchObject({
      code: 'invalid-argument',
    });
    await expect(store.put('b2', [octetsOf(LARGE + 1, 1)], { size: LARGE })).rejects.toMatchObject({
      code: 'invalid-argument',
    });
    const controller = new AbortController();
    const cancelled = async function* () {
      yield octetsOf(12 * MIB, 1);
      controller.abort();
      yield octetsOf(8 * MIB, 1);
    };
    await expect(store.put('c', cancelled(), { size: LARGE, signal: controller.signal })).rejects.toMatchObject({
      code: 'cancelled',
    });
    await until('the uploads are aborted', async () => (await unfinishedUploads()) === 0);
    for (const key of ['a', 'b', 'b2', 'c']) expect(await store.head(key)).toBeUndefined();
  });

  it('that the server refuses rejects, and stops reading its source', async () => {
    proxy.behave((request) => (isPart(request) ? { type: 'answer', status: 403, code: 'AccessDenied' } : undefined));
    let ended = false;
    const source = async function* () {
      try {
        for (;;) yield octetsOf(MIB, 1);
      } finally {
        ended = true;
      }
    };
    await expect(store.put('d', source(), { size: 1000 * MIB })).rejects.toMatchObject({ code: 'unavailable' });
    expect(ended).toBe(true);
    proxy.behave();
    await until('the upload is aborted', async () => (await unfinishedUploads()) === 0);
  });

  it('of a key that is put meanwhile reports that it did not create it', async () => {
    const small = octetsOf(10, 1);
    const source = async function* () {
      yield octetsOf(12 * MIB, 2);
      await put('e', small);
      yield octetsOf(8 * MIB, 2);
    };
    expect(await store.put('e', source(), { size: LARGE })).toEqual({ created: false });
    expect(await readAll(store.get('e'))).toEqual(small);
    await until('the upload is aborted', async () => (await unfinishedUploads()) === 0);
  });
});

describe('a get', () => {
  const cutBody: Fault = { type: 'cut-body', after: 3 * MIB };

  it.each([
    ['is cut', cutBody],
    ['stalls', { type: 'stall-body', after: 3 * MIB } as Fault],
  ])('whose connection %s goes on where it stopped', async (_, fault) => {
    const content = octetsOf(LARGE, 3);
    await put('large', content);
    proxy.behave(firstOf(3, ({ method }) => method === 'GET', fault));
    expect(hash(await readAll(store.get('large')))).toBe(hash(content));
    proxy.behave(firstOf(3, ({ method }) => method === 'GET', fault));
    const range = await readAll(store.get('large', { start: 1000, end: LARGE - 1000 }));
    expect(hash(range)).toBe(hash(content.subarray(1000, LARGE - 1000)));
  });

  it('that breaks again and again without an octet gives up', async () => {
    await store.close();
    store = await open({ ...config, retries: 2 });
    await put('large', octetsOf(MIB, 3));
    proxy.behave(({ method }) => (method === 'GET' ? { type: 'cut-body', after: 0 } : undefined));
    await expect(readAll(store.get('large'))).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('that is left early ends its request', async () => {
    await put('large', octetsOf(LARGE, 3));
    await until('nothing is under way', () => proxy.counts.active === 0);
    for await (const chunk of store.get('large')) {
      expect(proxy.counts.active).toBe(1);
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    await until('the request has ended', () => proxy.counts.active === 0);
  });

  it('held open by slow readers does not keep others from putting', async () => {
    await store.close();
    store = await open({ ...config, 'max-connections': 2 });
    await put('large', octetsOf(LARGE, 3));
    const readers = [store.get('large'), store.get('large')].map((chunks) => chunks[Symbol.asyncIterator]());
    await Promise.all(readers.map((reader) => reader.next()));
    expect(await put('small', octetsOf(10, 1))).toEqual({ created: true });
    await Promise.all(readers.map((reader) => reader.return?.()));
  });
});

describe('a hanging request', () => {
  it('ends when the call is cancelled', async () => {
    await store.close();
    store = await open({ ...config, 'request-timeout': '1h', 'retry-deadline': '1h' });
    proxy.behave(() => ({ type: 'hang' }));
    const controller = new AbortController();
    const { signal } = controller;
    const { requests } = proxy.counts;
    const calls = [
      store.put('a', [octetsOf(10, 1)], { size: 10, signal }),
      store.put('b', [octetsOf(LARGE, 1)], { size: LARGE, signal }),
      store.head('a', { signal }),
      readAll(store.get('a', { signal })),
      store.delete(['a', 'b'], { signal }),
      collect(store.list({ signal })),
    ];
    const outcomes = Promise.allSettled(calls);
    await until('all hang', () => proxy.counts.requests - requests >= calls.length);
    controller.abort();
    for (const { reason } of (await outcomes) as PromiseRejectedResult[]) {
      expect(hasCode(reason, 'cancelled')).toBe(true);
    }
  });

  it('of a part ends too, while the source waits for it', async () => {
    await store.close();
    store = await open({ ...config, 'request-timeout': '1h', 'retry-deadline': '1h' });
    let hanging = 0;
    proxy.behave((request) => {
      if (!isPart(request)) return undefined;
      hanging += 1;
      return { type: 'hang' };
    });
    const controller = new AbortController();
    const call = store.put('a', [octetsOf(LARGE, 1)], { size: LARGE, signal: controller.signal });
    const outcome = expect(call).rejects.toMatchObject({ code: 'cancelled' });
    await until('all buffers are in use', () => hanging === 3);
    controller.abort();
    await outcome;
    await until('the upload is aborted', async () => (await unfinishedUploads()) === 0);
  });
});

describe('errors of the server', () => {
  it.each([
    [507, 'XMinioStorageFull'],
    [403, 'QuotaExceeded'],
    [507, 'Whatever'],
  ])('%i %s is storage-full', async (status, code) => {
    proxy.behave(({ method }) => (method === 'HEAD' ? undefined : { type: 'answer', status, code }));
    await expect(put('a', octetsOf(10, 1))).rejects.toMatchObject({ code: 'storage-full' });
    await expect(put('b', octetsOf(LARGE, 1))).rejects.toMatchObject({ code: 'storage-full' });
    proxy.behave((request) => (isPart(request) ? { type: 'answer', status, code } : undefined));
    await expect(put('c', octetsOf(LARGE, 1))).rejects.toMatchObject({ code: 'storage-full' });
  });

  it('for single keys of a batch are tried again, or rejected', async () => {
    const keys = ['a', 'b', 'c'];
    await Promise.all(keys.map((key) => put(key, octetsOf(10, 1))));
    const errors = (code: string): Fault => ({
      type: 'answer',
      status: 200,
      body: `<DeleteResult><Error><Key>${config['prefix']}b!</Key><Code>${code}</Code><Message>no</Message></Error></DeleteResult>`,
    });
    proxy.behave(firstOf(1, ({ method }) => method === 'POST', errors('AccessDenied')));
    await expect(store.delete(keys)).rejects.toMatchObject({ code: 'unavailable' });
    proxy.behave(firstOf(2, ({ method }) => method === 'POST', errors('SlowDown')));
    await store.delete(keys);
    // The first answer claimed that all but one were gone: the others were not asked for again.
    expect(await store.head('b')).toBeUndefined();
  });

  it('an absent object in an absent bucket is no absent object', async () => {
    proxy.behave(() => ({ type: 'answer', status: 404, code: 'NoSuchBucket' }));
    await expect(store.head('a')).rejects.toMatchObject({ code: 'unavailable' });
    await expect(readAll(store.get('a'))).rejects.toMatchObject({ code: 'unavailable' });
    await expect(store.delete(['a'])).rejects.toMatchObject({ code: 'unavailable' });
    await expect(store.delete(['a', 'b'])).rejects.toMatchObject({ code: 'unavailable' });
    proxy.behave(() => ({ type: 'answer', status: 404, body: '<html>No such host</html>' }));
    await until('the last good answer of the bucket is old', () =>
      store.head('a').then(
        () => false,
        () => true,
      ),
    );
    await expect(store.head('a')).rejects.toMatchObject({ code: 'unavailable' });
    await expect(readAll(store.get('a'))).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('pace', () => {
  it('a small put is one request, and many are under way at a time', async () => {
    await store.close();
    store = await open({ ...config, 'request-timeout': '1m', 'retry-deadline': '1m' });
    proxy.behave(() => ({ type: 'delay', ms: 20 }));
    const { requests } = proxy.counts;
    proxy.counts.mostActive = 0;
    await Promise.all(Array.from({ length: 300 }, (_, index) => put(`p/${index}`, octetsOf(4096, index))));
    expect(proxy.counts.requests - requests).toBe(300);
    expect(proxy.counts.mostActive).toBeGreaterThanOrEqual(64);
    expect(proxy.counts.mostActive).toBeLessThanOrEqual(128);
  });

  it('many checks are one request', async () => {
    const { requests } = proxy.counts;
    await Promise.all(Array.from({ length: 50 }, () => store.check()));
    expect(proxy.counts.requests - requests).toBeLessThanOrEqual(1);
  });
});
