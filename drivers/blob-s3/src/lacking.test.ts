import { blobStoreSuite } from '@stoa/plugin-sdk/conformance';
import { type S3Server, startS3 } from '@stoa/test-servers';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { collect, configFor, open, withStore } from '../test/open.ts';
import { type Behaviour, type ProxyOptions, type S3Proxy, startS3Proxy } from '../test/s3-proxy.ts';
import factory from './index.ts';

let server: S3Server;
beforeAll(async () => {
  server = await startS3();
});
afterAll(() => server?.stop());

const unknown = { type: 'answer', status: 501, code: 'NotImplemented' } as const;

const isConditional: Behaviour = ({ headers }) => (headers['if-none-match'] === undefined ? undefined : unknown);
const isBatchDelete: Behaviour = ({ method, url }) =>
  method === 'POST' && /[?&]delete\b/.test(url) ? unknown : undefined;

interface Lacking {
  options?: ProxyOptions;
  behaviour?: Behaviour;
}

const servers: Record<string, Lacking> = {
  'takes If-None-Match and ignores it': { options: { without: ['if-none-match'] } },
  'answers 501 to If-None-Match and to DeleteObjects': {
    behaviour: (request) => isConditional(request) ?? isBatchDelete(request),
  },
};

describe.each(Object.entries(servers))('a server that %s', (_, { options, behaviour }) => {
  let proxy: S3Proxy;
  beforeAll(async () => {
    proxy = await startS3Proxy(server, options);
    proxy.behave(behaviour);
  });
  afterAll(() => proxy?.stop());

  it('is found out at the start, and said', async () => {
    const said: string[] = [];
    const logger = { debug() {}, info() {}, warn: (_: object, line: string) => said.push(line), error() {} };
    const store = await open(configFor(server, { endpoint: proxy.endpoint }), { logger });
    expect(store.capabilities).toEqual({ shared: 'network', conditionalCreate: false });
    expect(said).toEqual([expect.stringContaining('does not honour If-None-Match')]);
    await store.close();
  });

  blobStoreSuite({
    describe,
    test: (name, body) => test(name, body, 120_000),
    factory,
    config: () => configFor(server, { endpoint: proxy.endpoint }),
    crash: { module: new URL('./index.ts', import.meta.url) },
  });
});

describe('the probe', () => {
  it('finds all of a whole server, and leaves no object but the stamp', async () => {
    const config = configFor(server);
    const proxy = await startS3Proxy(server);
    const store = await open({ ...config, endpoint: proxy.endpoint });
    expect(store.capabilities).toEqual({ shared: 'network', conditionalCreate: true });
    await store.close();
    await withStore({ ...config, prefix: '' }, async (all) => {
      const names = (await collect(all.list({ prefix: String(config['prefix']) }))).flat();
      expect(names).toEqual([]);
    });
    await proxy.stop();
  });

  it('tells a condition for PutObject from one for CompleteMultipartUpload', async () => {
    const proxy = await startS3Proxy(server);
    proxy.behave((request) => (request.method === 'POST' ? isConditional(request) : undefined));
    const store = await open(configFor(server, { endpoint: proxy.endpoint }));
    expect(store.capabilities).toEqual({ shared: 'network', conditionalCreate: false });
    const content = Buffer.alloc(9 * 1024 * 1024, 'x');
    expect(await store.put('large', [content], { size: content.length })).toEqual({ created: true });
    expect(await store.put('large', [content], { size: content.length })).toEqual({ created: false });
    await store.close();
    await proxy.stop();
  });
});
