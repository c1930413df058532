import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BlobStore, type DataStore, type DriverContext, hasCode } from '@stoa/plugin-sdk';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { collected, openInner } from '../test/stores.ts';
import { configSchema } from './config.ts';
import factory from './index.ts';
import { contentKey, encodeInfo, infoKey, infoRange } from './rows.ts';

let folder: string;
let context: DriverContext;
let data: DataStore;
/** The store outside, as the composite sees it, with its calls counted. */
let outside: BlobStore & { calls: string[] };

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'stoa-inline-'));
  const opened = await openInner(folder);
  data = opened.data.driver;
  const calls: string[] = [];
  outside = Object.assign(counted(opened.outer.driver, calls), { calls });
  context = {
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    dataDirectory: folder,
    nodeId: 'test',
    stores: {
      own: async () => opened.data as never,
      open: async () => ({ ...opened.outer, driver: outside }) as never,
    },
  };
});

afterEach(async () => {
  await outside.close();
  await data.close();
  rmSync(folder, { recursive: true, force: true });
});

function counted(store: BlobStore, calls: string[]): BlobStore {
  return new Proxy(store, {
    get(target, name: keyof BlobStore) {
      const value = target[name];
      if (typeof value !== 'function') return value;
      return (...given: unknown[]) => {
        calls.push(name);
        return (value as (...given: unknown[]) => unknown).apply(target, given);
      };
    },
  });
}

const withThreshold = (threshold: string) => factory.create(configSchema.parse({ threshold }), context);
const put = async (store: BlobStore, key: string, size: number) =>
  (await store.put(key, [Buffer.alloc(size, key)], { size })).created;
const read = async (store: BlobStore, key: string, size?: number) =>
  Buffer.concat(await collected(store.get(key, { size })));
const list = async (store: BlobStore, prefix?: string) =>
  (await collected(store.list({ prefix }))).flat().map(({ key, size }) => `${key} ${size}`);
const inside = async (key: string) => (await data.get([infoKey(key), contentKey(key)])).every(Boolean);

describe('a blob', () => {
  it('of the threshold lies in the data store, a larger one outside', async () => {
    const store = await withThreshold('100 B');
    for (const size of [0, 100, 101]) expect(await put(store, `k${size}`, size)).toBe(true);
    expect(await Promise.all(['k0', 'k100', 'k101'].map(inside))).toEqual([true, true, false]);
    expect(await list(outside)).toEqual(['k101 101']);
    expect(await list(store)).toEqual(['k0 0', 'k100 100', 'k101 101']);
  });

  it('is found where it is after the threshold became higher', async () => {
    await put(await withThreshold('100 B'), 'k', 500);
    const store = await withThreshold('1 KiB');
    expect(await put(store, 'k', 500)).toBe(false);
    expect(await inside('k')).toBe(false);
    for (const hint of [undefined, 500, 5000]) expect(await read(store, 'k', hint)).toHaveLength(500);
    expect(await store.head('k')).toMatchObject({ size: 500 });
    await store.delete(['k']);
    expect(await list(store)).toEqual([]);
  });

  it.each(['10 B', '0 B'])('is found where it is after the threshold became %s', async (threshold) => {
    await put(await withThreshold('1 KiB'), 'k', 500);
    const store = await withThreshold(threshold);
    expect(await put(store, 'k', 500)).toBe(false);
    expect(await list(outside)).toEqual([]);
    for (const hint of [undefined, 5, 500]) expect(await read(store, 'k', hint)).toHaveLength(500);
    expect(await list(store)).toEqual(['k 500']);
    await store.delete(['k']);
    expect([await inside('k'), await store.head('k')]).toEqual([false, undefined]);
  });

  it('that is in both places is listed once, and deleted in both', async () => {
    await put(await withThreshold('0 B'), 'k', 50);
    const store = await withThreshold('100 B');
    await data.commit({ conditions: [], mutations: store.join?.('k', Buffer.alloc(50, 'k')) ?? [] });
    expect(await inside('k')).toBe(true);
    expect([await list(store), await list(outside)]).toEqual([['k 50'], ['k 50']]);
    await store.delete(['k']);
    expect([await list(store), await list(outside), await inside('k')]).toEqual([[], [], false]);
  });

  it('is read from the place that its size tells, without a look at the other', async () => {
    const store = await withThreshold('100 B');
    await put(store, 'small', 10);
    await put(store, 'large', 1000);
    outside.calls.length = 0;
    await read(store, 'small');
    await read(store, 'small', 10);
    await store.head('small');
    expect(outside.calls).toEqual([]);
    const get = data.get.bind(data);
    data.get = () => Promise.reject(new Error('asked'));
    expect(await read(store, 'large', 1000)).toHaveLength(1000);
    data.get = get;
  });

  it('whose description a newer generation wrote is left to newer nodes, a damaged one told as such', async () => {
    const store = await withThreshold('100 B');
    for (const [value, code] of [
      [Uint8Array.of(0x11, 0), 'unsupported-version'],
      [Uint8Array.of(1, 0), 'data-loss'],
      [Uint8Array.of(), 'data-loss'],
    ] as const) {
      await data.commit({ conditions: [], mutations: [{ type: 'put', key: infoKey('k'), value }] });
      await expect(store.head('k')).rejects.toSatisfy((error) => hasCode(error, code));
    }
    const appended = Buffer.concat([encodeInfo(7, 8), Buffer.from('more')]);
    await data.commit({ conditions: [], mutations: [{ type: 'put', key: infoKey('k'), value: appended }] });
    expect(await store.head('k')).toEqual({ key: 'k', size: 7, modifiedAt: 8 });
  });
});

describe('list', () => {
  it('merges both places in key order, page by page', async () => {
    const store = await withThreshold('100 B');
    const mutations = Array.from({ length: 2500 }, (_, n) =>
      store.join?.(`k/${String(n * 2).padStart(5, '0')}`, Buffer.of(1)),
    );
    await data.commit({ conditions: [], mutations: mutations.flatMap((each) => each ?? []) });
    for (const n of [1, 1999, 2001, 4999, 9999]) await put(store, `k/${String(n).padStart(5, '0')}`, 200);
    const found = await list(store, 'k/');
    expect(found).toHaveLength(2505);
    expect(found).toEqual([...found].sort());
    const after = (await collected(store.list({ prefix: 'k/', after: 'k/04990' }))).flat();
    expect(after.map(({ key }) => key)).toEqual(['k/04992', 'k/04994', 'k/04996', 'k/04998', 'k/04999', 'k/09999']);
    expect(infoRange('k/', 'l')).toBeUndefined();
    expect(await collected(store.list({ prefix: 'k/', after: 'l' }))).toEqual([]);
  });

  it('frees both places when it is left early, and tells when one fails', async () => {
    const store = await withThreshold('100 B');
    await put(store, 'a', 1);
    await put(store, 'b', 200);
    let freed = false;
    outside.list = async function* () {
      try {
        yield [{ key: 'b', size: 200, modifiedAt: 0 }];
        throw new Error('the listing failed');
      } finally {
        freed = true;
      }
    };
    for await (const _ of store.list()) break;
    expect(freed).toBe(true);
    await expect(collected(store.list())).rejects.toThrow('the listing failed');
  });
});

describe('the composite', () => {
  it('can what the weaker of its stores can', async () => {
    const store = await withThreshold('1 KiB');
    expect(store.capabilities).toEqual({ shared: 'host', conditionalCreate: true, joinsCommit: true });
    const apart = await withThreshold('0 B');
    expect(apart.capabilities).toMatchObject({ joinsCommit: false });
    expect(apart.join).toBeUndefined();
  });

  it('leaves the data store open', async () => {
    const store = await withThreshold('1 KiB');
    await store.close();
    await data.check();
    await expect(outside.check()).rejects.toSatisfy((error) => hasCode(error, 'unavailable'));
    await expect(store.head('k')).rejects.toSatisfy((error) => hasCode(error, 'unavailable'));
    expect(() => store.join?.('k', Buffer.of(1))).toThrow('closed');
  });

  it('says why it does not run in a process of its own', async () => {
    const { stores: _, ...alone } = context;
    const opening = factory.create(configSchema.parse({}), alone);
    await expect(opening).rejects.toSatisfy((error) => hasCode(error, 'invalid-configuration'));
  });
});

describe('the configuration', () => {
  it('has files outside by default', () => {
    expect(configSchema.parse({})).toEqual({ threshold: 65_536, outer: { driver: 'fs' } });
    expect(configSchema.parse({ outer: { path: 'here' } }).outer).toEqual({ driver: 'fs', path: 'here' });
  });

  it.each([
    [{ threshold: '2 MiB' }, /at least 0 B and at most 1 MiB/],
    [{ threshold: 65536 }, /expected string/],
    [{ threshold: 'much' }, /expected a size/],
    [{ outer: 'fs' }, /expected object/],
    [{ outer: { driver: 3 } }, /expected string/],
    [{ path: 'blobs' }, /path/],
  ])('refuses %j', (config, message) => {
    expect(configSchema.safeParse(config).error?.message).toMatch(message);
  });
});
