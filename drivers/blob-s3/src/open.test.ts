import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { isStoaError } from '@stoa/plugin-sdk';
import { freePort, makeTlsFiles, type S3Server, startS3 } from '@stoa/test-servers';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { collect, configFor, octetsOf, open, plainClient, withStore } from '../test/open.ts';
import { type S3Proxy, startS3Proxy } from '../test/s3-proxy.ts';

let server: S3Server;
let folder: string;
const proxies: S3Proxy[] = [];

beforeAll(async () => {
  server = await startS3();
  folder = mkdtempSync(join(tmpdir(), 'stoa-blob-s3-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await server?.stop();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(proxies.splice(0).map((proxy) => proxy.stop()));
});

async function proxyTo(...args: Parameters<typeof startS3Proxy>): Promise<S3Proxy> {
  const proxy = await startS3Proxy(...args);
  proxies.push(proxy);
  return proxy;
}

async function refused(config: Record<string, unknown>): Promise<{ code: string; message: string }> {
  try {
    await (await open(config)).close();
  } catch (error) {
    if (!isStoaError(error)) throw error;
    const { code, message } = error;
    expect(message).not.toContain(server.secretKey);
    expect(message).not.toContain('a-wrong-secret');
    return { code, message };
  }
  throw new Error('the store was opened');
}

describe('a configuration that is wrong', () => {
  it.each([
    ['another bucket', { bucket: 'absent' }, /no bucket "absent" at .*set "bucket"/],
    ['a wrong secret', { 'secret-key': 'a-wrong-secret' }, /refuses the access .*check "access-key", "secret-key"/],
    ['an unknown key', { 'access-key': 'nobody' }, /refuses the access .*check "access-key", "secret-key"/],
    ['another region', { region: 'eu-central-1' }, /check "region"|set "region"/],
    ['TLS to a server without', { endpoint: 'TLS' }, /TLS with .* failed .*check "endpoint"/],
    ['a file that is not there', { 'tls-ca-file': 'absent.pem' }, /tls-ca-file: cannot read absent.pem \(ENOENT\)/],
  ])('%s: says what to change', async (_, more, expected) => {
    const config = configFor(server, more);
    if (config['endpoint'] === 'TLS') config['endpoint'] = server.endpoint.replace('http:', 'https:');
    const { code, message } = await refused(config);
    expect(message).toMatch(expected);
    expect(code).toBe('invalid-configuration');
  });

  it('a server that is not there: unavailable, with its address', async () => {
    const endpoint = `http://127.0.0.1:${await freePort()}`;
    const { code, message } = await refused(configFor(server, { endpoint, 'retry-deadline': '300ms' }));
    expect(code).toBe('unavailable');
    expect(message).toBe(`${endpoint} does not answer (ECONNREFUSED); check "endpoint" and the network`);
  });

  it('a server that never answers: unavailable', async () => {
    const proxy = await proxyTo(server);
    proxy.behave(() => ({ type: 'hang' }));
    const config = configFor(server, {
      endpoint: proxy.endpoint,
      'retry-deadline': '300ms',
      'request-timeout': '100ms',
    });
    expect((await refused(config)).code).toBe('unavailable');
  });

  it('the region of the bucket is named where the server tells it', async () => {
    const proxy = await proxyTo(server);
    const headers = { 'x-amz-bucket-region': 'eu-west-3' };
    proxy.behave(() => ({ type: 'answer', status: 301, code: 'PermanentRedirect', headers }));
    const { code, message } = await refused(configFor(server, { endpoint: proxy.endpoint }));
    expect(message).toContain('set "region" to "eu-west-3"');
    expect(code).toBe('invalid-configuration');
  });

  it('a key that may read alone is refused at the start', async () => {
    const proxy = await proxyTo(server);
    proxy.behave(({ method }) =>
      method === 'PUT' ? { type: 'answer', status: 403, code: 'AccessDenied' } : undefined,
    );
    const { code, message } = await refused(configFor(server, { endpoint: proxy.endpoint }));
    expect(message).toContain('permissions');
    expect(code).toBe('invalid-configuration');
  });

  it('no key at all, and none to be found', async () => {
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE']) vi.stubEnv(name, undefined);
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(folder, 'absent'));
    vi.stubEnv('AWS_CONFIG_FILE', join(folder, 'absent'));
    const { code, message } = await refused({ bucket: server.bucket, endpoint: server.endpoint });
    expect(message).toContain('set "access-key" and "secret-key"');
    expect(code).toBe('invalid-configuration');
  });

  it('another format of the store', async () => {
    const config = configFor(server);
    const client = plainClient(server);
    const Key = `${config['prefix']}stoa-blobs.json`;
    await client.send(new PutObjectCommand({ Bucket: server.bucket, Key, Body: '{"format":9}' }));
    client.destroy();
    expect(await refused(config)).toMatchObject({
      code: 'unsupported-version',
      message: expect.stringContaining('format 9'),
    });
  });
});

describe('keys', () => {
  it('come from files', async () => {
    writeFileSync(join(folder, 'id'), `${server.accessKey}\n`);
    writeFileSync(join(folder, 'secret'), `${server.secretKey}\nnot this\n`);
    const { 'access-key': _, 'secret-key': __, ...rest } = configFor(server);
    const files = { ...rest, 'access-key-file': 'id', 'secret-key-file': join(folder, 'secret') };
    await (await open(files, { dataDirectory: folder })).close();
  });

  it('come from the environment', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', server.accessKey);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', server.secretKey);
    const { 'access-key': _, 'secret-key': __, ...rest } = configFor(server);
    await withStore(rest, (store) => store.check());
  });
});

describe('TLS', () => {
  it('trusts the authority that is named, and no unknown one', async () => {
    const files = makeTlsFiles(folder);
    const tls = { key: readFileSync(files.key, 'utf8'), cert: readFileSync(files.cert, 'utf8') };
    const proxy = await proxyTo(server, { tls });
    const config = configFor(server, { endpoint: proxy.endpoint });
    const { code, message } = await refused(config);
    expect(message).toContain('set "tls-ca-file"');
    expect(code).toBe('invalid-configuration');
    await withStore({ ...config, 'tls-ca-file': files.ca }, (store) => store.check());
  });
});

describe('the bucket', () => {
  it('holds a stamp and the blobs, and nothing of the probe', async () => {
    const config = configFor(server);
    await withStore(config, (store) => store.put('a/b', [octetsOf(10, 1)], { size: 10 }));
    const client = plainClient(server);
    const prefix = String(config['prefix']);
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: server.bucket, Prefix: prefix }));
    expect(Contents.map(({ Key = '' }) => Key.slice(prefix.length))).toEqual(['a/b!', 'stoa-blobs.json']);
    const stamp = await client.send(new GetObjectCommand({ Bucket: server.bucket, Key: `${prefix}stoa-blobs.json` }));
    expect(await stamp.Body?.transformToString()).toBe('{"format":1}');
    client.destroy();
  });

  it('is shared by stores of different prefixes, which do not see each other', async () => {
    const config = configFor(server);
    const other = { ...config, prefix: `${config['prefix']}other/` };
    await withStore(config, async (store) => {
      await withStore(other, async (inner) => {
        await inner.put('x', [octetsOf(10, 1)], { size: 10 });
        expect(await store.head('x')).toBeUndefined();
        const keys = (await collect(inner.list())).flat().map(({ key }) => key);
        expect(keys).toEqual(['x']);
      });
    });
  });

  it('gets encryption, storage class and checksums as configured', async () => {
    const proxy = await proxyTo(server);
    const seen = new Map<string, Record<string, string>>();
    proxy.behave(({ method, url, headers }) => {
      const [path = '', query = ''] = url.split('?');
      if (path.endsWith('%21')) seen.set(`${method} ${query.split('=')[0]}`, headers);
      return undefined;
    });
    const large = 9 * 1024 * 1024;
    const more = { 'storage-class': 'STANDARD', checksum: 'WHEN_SUPPORTED', endpoint: proxy.endpoint };
    await withStore(configFor(server, more), async (store) => {
      await store.put('small', [octetsOf(10, 1)], { size: 10 });
      await store.put('large', [octetsOf(large, 1)], { size: large });
      expect((await collect(store.get('small'))).flat()).toHaveLength(1);
    });
    expect(seen.get('PUT x-id')).toMatchObject({
      'x-amz-storage-class': 'STANDARD',
      'x-amz-checksum-crc32': expect.any(String),
      'if-none-match': '*',
    });
    expect(seen.get('POST uploads')).toMatchObject({ 'x-amz-storage-class': 'STANDARD' });
  });
});

describe('a closed store', () => {
  it('refuses calls', async () => {
    const store = await open(configFor(server));
    await store.close();
    for (const call of [store.check(), store.head('a'), store.put('a', [], { size: 0 }), store.delete(['a'])]) {
      await expect(call).rejects.toMatchObject({ code: 'unavailable', retryable: false });
    }
  });
});
